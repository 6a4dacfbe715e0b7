"""examples/diffdock_stepper.py with a stand-in for DiffDock: the same functions, three small ligands, scores towards a pocket.

docking.py EXAMPLES [check]: serves the sampler, or checks it against a plain loop over DiffDock's own kind of update.
"""
import copy
import os
import sys
import tempfile
from types import SimpleNamespace

import numpy as np
import torch

sys.path.insert(0, sys.argv[1])
import diffdock_stepper  # noqa: E402

SETTINGS = SimpleNamespace(
    no_torsion=False, all_atoms=False, crop_beyond=20, tr_sigma_min=0.1, tr_sigma_max=19, rot_sigma_min=0.03,
    rot_sigma_max=1.55, tor_sigma_min=0.0314, tor_sigma_max=3.14)


class Store(SimpleNamespace):
    """A part of a graph."""


class Graph(dict):
    """As a HeteroData: parts by name, or by a pair of names. It may be several graphs, one after another."""

    num_graphs = 1

    def __copy__(self):
        other = Graph({name: Store(**vars(store)) for name, store in self.items()})
        other.pocket, other.parts, other.num_graphs = self.pocket, self.parts, self.num_graphs
        return other

    def __deepcopy__(self, memo):
        return copy.copy(self)

    def to(self, device):
        return self

    def to_data_list(self):
        parts = [copy.copy(part) for part in self.parts]
        for part, pos in zip(parts, self["ligand"].pos.chunk(len(parts))):
            part["ligand"].pos = pos
        return parts

    @staticmethod
    def from_data_list(graphs):
        batch = copy.copy(graphs[0])
        batch.parts, batch.num_graphs = graphs, len(graphs)
        ligand, bonds, count = batch["ligand"], batch["ligand", "ligand"], len(graphs[0]["ligand"].pos)
        ligand.pos = torch.cat([graph["ligand"].pos for graph in graphs])
        ligand.edge_mask = torch.cat([graph["ligand"].edge_mask for graph in graphs])
        ligand.num_nodes = len(ligand.pos)
        bonds.edge_index = torch.cat([bonds.edge_index + count * i for i in range(len(graphs))], 1)
        bonds.num_edges = bonds.edge_index.shape[1]
        return batch


def graph(atoms, turning, pocket):
    """A zigzag chain of atoms, of which the bonds in `turning` turn all that follows."""
    chain = torch.tensor([[1.3 * i, 0.8 * (i % 2), 0.4 * (i % 3)] for i in range(atoms)])
    bonds = torch.tensor([[i, i + 1] for i in range(atoms - 1)]).T
    mask = np.array([[j > i for j in range(atoms)] for i in turning])
    result = Graph({
        "ligand": Store(x=torch.arange(atoms)[:, None], pos=chain,
                        edge_mask=torch.tensor([i in turning for i in range(atoms - 1)]),
                        mask_rotate=mask, num_nodes=atoms),
        ("ligand", "ligand"): Store(edge_index=bonds, num_edges=atoms - 1)})
    result.pocket, result.parts = torch.tensor(pocket), [result]
    return result


def t_to_sigma(t_tr, t_rot, t_tor, args):
    return [low ** (1 - t) * high ** t for t, low, high in (
        (t_tr, args.tr_sigma_min, args.tr_sigma_max), (t_rot, args.rot_sigma_min, args.rot_sigma_max),
        (t_tor, args.tor_sigma_min, args.tor_sigma_max))]


def set_time(complex_graphs, t, t_tr, t_rot, t_tor, batchsize, all_atoms, device, include_miscellaneous_atoms=False):
    """That of the released code."""
    complex_graphs.complex_t = {"tr": t_tr * torch.ones(batchsize), "rot": t_rot * torch.ones(batchsize),
                                "tor": t_tor * torch.ones(batchsize)}


def set_time_of_later_code(
        complex_graphs, t, t_tr, t_rot, t_tor, batchsize, all_atoms, asyncronous_noise_schedule, device,
        include_miscellaneous_atoms=False):
    assert not asyncronous_noise_schedule
    set_time(complex_graphs, t, t_tr, t_rot, t_tor, batchsize, all_atoms, device)


def crop_beyond(part, reach, all_atoms):
    assert reach > SETTINGS.crop_beyond
    part.was_cropped = True


def axis_angle_to_matrix(v):
    cross = torch.zeros(len(v), 3, 3)
    for (i, j), value in {(0, 1): -v[:, 2], (0, 2): v[:, 1], (1, 2): -v[:, 0]}.items():
        cross[:, i, j], cross[:, j, i] = value, -value
    return torch.linalg.matrix_exp(cross)


def modify_conformer_torsion_angles_batch(pos, edge_index, mask_rotate, torsion_updates):
    pos = pos + 0
    for index, (u, v) in enumerate(edge_index.tolist()):
        assert not mask_rotate[index, u] and mask_rotate[index, v]
        axis = pos[:, u] - pos[:, v]
        axis = axis / torch.linalg.norm(axis, dim=-1, keepdim=True) * torsion_updates[:, index:index + 1]
        turn, turning = axis_angle_to_matrix(axis), mask_rotate[index]
        pos[:, turning] = (pos[:, turning] - pos[:, v:v + 1]) @ turn.transpose(1, 2) + pos[:, v:v + 1]
    return pos


def modify_conformer_batch(orig_pos, data, tr_update, rot_update, torsion_updates, mask_rotate):
    count = data.num_graphs
    pos = orig_pos.reshape(count, -1, 3)
    centre = pos.mean(1, keepdim=True)
    rigid = (pos - centre) @ axis_angle_to_matrix(rot_update).transpose(1, 2) + tr_update[:, None] + centre
    bonds = data["ligand", "ligand"].edge_index[:, :data["ligand", "ligand"].num_edges // count]
    if torsion_updates is None:
        return rigid.reshape(-1, 3)
    turning = bonds.T[data["ligand"].edge_mask[:bonds.shape[1]]]
    flexed = modify_conformer_torsion_angles_batch(rigid, turning, mask_rotate, torsion_updates.reshape(count, -1))
    # Superpose the flexed molecule on the rigid one (Kabsch).
    a, b = flexed - flexed.mean(1, keepdim=True), rigid - rigid.mean(1, keepdim=True)
    u, _, v = torch.linalg.svd(a.transpose(1, 2) @ b)
    sign = torch.sign(torch.linalg.det(u @ v))
    u = torch.cat([u[..., :2], u[..., 2:] * sign[:, None, None]], -1)
    return (a @ (u @ v) + rigid.mean(1, keepdim=True)).reshape(-1, 3)


def model(batch):
    """Scores of a Gaussian about the pocket; the turns are drawn to a direction and a torsion angle."""
    count = batch.num_graphs
    assert all(part.was_cropped for part in batch.parts)
    pos = batch["ligand"].pos.reshape(count, -1, 3)
    levels = t_to_sigma(*(batch.complex_t[kind] for kind in ("tr", "rot", "tor")), SETTINGS)
    tr = (batch.pocket - pos.mean(1)) / (levels[0] ** 2 + 0.5)[:, None]
    along = torch.nn.functional.normalize(pos[:, -1] - pos[:, 0], dim=-1)
    rot = torch.linalg.cross(along, torch.tensor([0.0, 0.0, 1.0]).expand(count, 3)) / (levels[1] ** 2 + 0.1)[:, None]
    torsions = int(batch["ligand"].edge_mask.sum()) // count
    if torsions == 0:
        return tr, rot, torch.empty(0), None
    bend = torch.sin(pos[:, :torsions, 0] - pos[:, 1:torsions + 1, 1])
    return tr, rot, (bend / (levels[2] ** 2 + 0.2)[:, None]).reshape(-1), None


def automorphisms(part):
    order = range(len(part["ligand"].pos))
    return [tuple(order), tuple(order)[::-1]]


LIBRARY = SimpleNamespace(
    Batch=Graph, t_to_sigma=t_to_sigma, set_time=set_time, crop_beyond=crop_beyond, automorphisms=automorphisms,
    modify_conformer_batch=modify_conformer_batch,
    modify_conformer_torsion_angles_batch=modify_conformer_torsion_angles_batch)
GRAPHS = [graph(5, [1], [3.0, -2.0, 1.0]), graph(7, [1, 3], [-4.0, 0.5, 2.0]), graph(4, [], [1.0, 1.0, -3.0])]
DOCKING = diffdock_stepper.Docking(LIBRARY, model, SETTINGS, GRAPHS)


def check():
    """Steps through the sampler's requests against one sample at a time, updated as DiffDock's own sampling does."""
    rng = np.random.default_rng(1)
    noise, label = rng.normal(size=(5, 11)).astype(np.float32), np.array([1, 0, 1, 1, 2])
    state = DOCKING.start({"noise": noise, "label": label})["state"]
    assert state.shape == (5, 7, 3) and state.dtype == np.float32 and not state[1, 5:].any()
    for row in range(5):  # bond lengths never change
        chain, given = GRAPHS[label[row]]["ligand"].pos.numpy(), state[row, :DOCKING.atoms[label[row]]]
        lengths = [np.linalg.norm(np.diff(positions, axis=0), axis=-1) for positions in (chain, given)]
        assert np.allclose(*lengths, atol=1e-4)
    centres = [state[row, :DOCKING.atoms[label[row]]].mean(0) for row in range(5)]
    assert np.allclose(centres, 19 * noise[:, :3], atol=1e-4)
    started = state
    state = check_steps(state, label)
    LIBRARY.set_time = set_time_of_later_code
    assert np.array_equal(check_steps(started, label), state)
    turned = np.zeros_like(state)
    for row in range(5):
        atoms = DOCKING.atoms[label[row]]
        turned[row, :atoms] = state[row, :atoms][::-1]
    losses = DOCKING.loss({"sample": state.astype(float), "target": turned, "label": label})["loss"]
    assert losses.shape == (5,) and losses.max() < 1e-9
    losses = DOCKING.loss({"sample": state + 1.0, "target": state, "label": label})["loss"]
    assert np.all(losses > 0.5) and np.all(losses <= 3 + 1e-5)
    for wrong in ({}, {"label": np.array([0, -1, 1, 1, 1])}):
        try:
            DOCKING.start({"noise": noise, **wrong})
        except ValueError as error:
            assert "--labels" in str(error)
        else:
            raise AssertionError("a sample without a complex is started")
    check_conformers()
    print("docking.py: all is well")


def check_steps(state, label):
    """Returns the state after 18 steps, which are those of each sample alone."""
    grid = np.linspace(1, 0, 19)
    singles = [state[row:row + 1] for row in range(5)]
    for t, t_next in zip(grid, grid[1:]):
        told = {"label": label, "t": np.full(5, t), "t_next": np.full(5, t_next), "t_model": np.full(5, t)}
        state = DOCKING.step({"state": state, **told})["state"]
        for row in range(5):
            atoms = DOCKING.atoms[label[row]]
            data = copy.copy(GRAPHS[label[row]])
            data.was_cropped = True
            data["ligand"].pos = torch.from_numpy(singles[row][0, :atoms])
            set_time(data, t, t, t, t, 1, False, "cpu")
            data.parts = [data]
            scores = model(data)[:3]
            levels = t_to_sigma(t, t, t, SETTINGS)
            g = [level * np.sqrt(2 * np.log(high / low)) for level, low, high in zip(
                levels, (0.1, 0.03, 0.0314), (19, 1.55, 3.14))]
            moves = [0.5 * g[k] ** 2 * (t - t_next) * score for k, score in enumerate(scores)]
            if len(moves[2]) == 0:
                moves[2] = None
            moved = modify_conformer_batch(
                data["ligand"].pos, data, *moves, torch.as_tensor(data["ligand"].mask_rotate))
            singles[row] = np.zeros((1, 7, 3), np.float32)
            singles[row][0, :atoms] = moved.numpy()
    assert np.allclose(state, np.concatenate(singles), atol=1e-3), abs(state - np.concatenate(singles)).max()
    return state


def check_conformers():
    """A later start gets the conformers of the first one; other ligands have their own."""
    def drawn(seed):
        graphs = [graph(5, [1], [0.0, 0.0, 0.0]), graph(4, [], [0.0, 0.0, 0.0])]
        for part in graphs:
            part["ligand"].pos = part["ligand"].pos + torch.randn(3, generator=torch.Generator().manual_seed(seed))
        return graphs

    with tempfile.TemporaryDirectory() as folder:
        first, second = drawn(1), drawn(2)
        assert not torch.equal(first[0]["ligand"].pos, second[0]["ligand"].pos)
        own = [part["ligand"].pos for part in first]
        diffdock_stepper.keep_conformers(first, folder)
        diffdock_stepper.keep_conformers(second, folder)
        for graphs in (first, second):
            assert all(torch.equal(part["ligand"].pos, pos) for part, pos in zip(graphs, own))
        assert len(os.listdir(folder)) == 2


if __name__ == "__main__":
    check() if sys.argv[2:] == ["check"] else DOCKING.serve()
