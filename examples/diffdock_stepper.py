"""DiffDock v1.1 as a sampler of the ld3 programs (docs/STREAM.md, "Foreign samplers"). It drives the DiffDock that you have
installed, with its weights; run it by the Python of DiffDock's environment.

    export LD3_MODEL='exec:python3 examples/diffdock_stepper.py --diffdock ~/DiffDock \\
        --model-dir ~/DiffDock/workdir/v1.1/score_model --complexes complexes.csv'
    ld3-noise --seeds 0-9 --labels balanced | ld3-teacher --schedule uniform --steps 18 > pairs.ld3
    ld3-fit --nfe 6 < pairs.ld3 > six.safetensors
    ld3-noise --seeds 100-139 --labels 0 | ld3-sample --schedule six.safetensors > poses.ld3

`complexes.csv` has the columns of DiffDock's --protein_ligand_csv. The label of a sample is its row there. A sample is the
positions of the ligand's atoms in Angstrom about the protein's centre, [atoms, 3], filled up with zeros to the largest
ligand. Steps are those of DiffDock's ODE: g at the solver's time, the network at the model time. There are no gradients,
since DiffDock looks its score norms up in tables: ld3-fit takes differences.

Each program starts this one anew, and each start computes the proteins' ESM embeddings before it introduces itself. If that
takes longer than 300 seconds, give the programs --child-timeout. DiffDock draws another conformer of a ligand at each start,
so the first one is kept in --work-dir; all programs must be given the same folder.
"""
import argparse
import copy
import csv
import functools
import hashlib
import inspect
import json
import math
import os
import sys
from types import SimpleNamespace

import numpy as np
import torch

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "scripts"))
from ld3_stream import serve  # noqa: E402

KINDS = ("tr", "rot", "tor")


class Docking:
    """The sampler. `library` has DiffDock's own functions under DiffDock's names, and Batch of PyTorch Geometric."""

    def __init__(self, library, model, settings, graphs, device="cpu", start_scale=1.0):
        """graphs: one for each complex. start_scale: the deviation of the first places, in units of tr_sigma_max."""
        self.library, self.model, self.settings, self.graphs, self.device = library, model, settings, graphs, device
        self.start_scale = start_scale
        self.atoms = [len(graph["ligand"].pos) for graph in graphs]
        self.torsions = [0 if settings.no_torsion else int(graph["ligand"].edge_mask.sum()) for graph in graphs]
        self.most_atoms = max(self.atoms)

    def serve(self, output=None):
        serve({"ld3.shape": json.dumps([7 + 2 * max(self.torsions)]), "ld3.interval": "[1, 0]",
               "ld3.sample_shape": json.dumps([self.most_atoms, 3]), "ld3.model_times": "true",
               "ld3.labels": str(len(self.graphs))},
              {"start": self.start, "step": self.step, "loss": self.loss}, output=output)

    # --- Requests

    def start(self, f):
        """Uniform torsions, a uniform rotation about the centroid, a Gaussian place: smooth functions of a Gaussian noise."""
        if "label" not in f or (f["label"] < 0).any():
            raise ValueError("each sample needs a label, which says the complex: ld3-noise --labels draws them")
        state = np.zeros((len(f["noise"]), self.most_atoms, 3), np.float32)
        for label, rows in groups(f["label"]):
            graph, count = self.graphs[label], self.torsions[label]
            noise = torch.from_numpy(f["noise"][rows]).float()
            pos = graph["ligand"].pos.float()[None].repeat(len(rows), 1, 1)
            if count > 0:
                pairs = noise[:, 7:7 + 2 * count].reshape(len(rows), count, 2)
                pos = self.library.modify_conformer_torsion_angles_batch(
                    pos, self.rotatable(graph), self.mask_rotate(graph), torch.atan2(pairs[..., 1], pairs[..., 0]))
            pos = pos - pos.mean(1, keepdim=True)
            pos = pos @ rotation(noise[:, 3:7]).transpose(1, 2)
            pos = pos + self.start_scale * self.settings.tr_sigma_max * noise[:, None, :3]
            state[rows, :self.atoms[label]] = pos.numpy()
        return {"state": state}

    def step(self, f):
        state = np.zeros_like(f["state"])
        for (label, t, t_next, t_model), rows in groups(f["label"], f["t"], f["t_next"], f["t_model"]):
            pos = torch.from_numpy(f["state"][rows, :self.atoms[label]]).to(self.device)
            with torch.no_grad():
                moved = self.moved(label, pos, t, t_next, t_model)
            state[rows, :self.atoms[label]] = moved.reshape(pos.shape).cpu().numpy()
        return {"state": state}

    def loss(self, f):
        """The least mean square distance of the atoms, in square Angstrom, over the ligand's symmetries."""
        losses = np.zeros(len(f["sample"]))
        for label, rows in groups(f["label"]):
            atoms = self.atoms[label]
            sample, target = f["sample"][rows, :atoms], f["target"][rows, :atoms]
            orders = self.library.automorphisms(self.graphs[label])
            losses[rows] = np.min(
                [((sample - target[:, list(order)]) ** 2).sum(-1).mean(-1) for order in orders], axis=0)
        return {"loss": losses}

    # --- One step

    def moved(self, label, pos, t, t_next, t_model):
        """Positions [B, atoms, 3] after Euler's step of the probability flow, [B * atoms, 3]."""
        graph, settings = self.graphs[label], self.settings
        batch = self.library.Batch.from_data_list([copy.copy(graph) for _ in pos]).to(self.device)
        batch["ligand"].pos = pos.reshape(-1, 3)
        scores = self.scores(batch, len(pos), t_model)
        moves = []
        for kind, level, score in zip(KINDS, self.library.t_to_sigma(t, t, t, settings), scores):
            # A ligand without bonds that turn has no scores of them, and DiffDock's update wants None.
            if kind == "tor" and self.torsions[label] == 0:
                moves.append(None)
                continue
            ends = [getattr(settings, f"{kind}_sigma_{end}") for end in ("min", "max")]
            # g^2 / 2 times the step.
            moves.append(level ** 2 * math.log(ends[1] / ends[0]) * (t - t_next) * score)
        return self.library.modify_conformer_batch(
            batch["ligand"].pos, batch, *moves, self.mask_rotate(graph).to(self.device))

    def scores(self, batch, count, t_model):
        settings = self.settings
        crop = getattr(settings, "crop_beyond", None)
        if crop is not None:
            parts = copy.deepcopy(batch).to_data_list()
            reach = 3 * self.library.t_to_sigma(t_model, t_model, t_model, settings)[0] + crop
            for part in parts:
                self.library.crop_beyond(part, reach, settings.all_atoms)
            batch = self.library.Batch.from_data_list(parts).to(self.device)
        told = dict(t=t_model, t_tr=t_model, t_rot=t_model, t_tor=t_model, batchsize=count,
                    all_atoms=settings.all_atoms, device=self.device)
        # The released code lacks this argument; a later one wants it.
        if "asyncronous_noise_schedule" in inspect.signature(self.library.set_time).parameters:
            told["asyncronous_noise_schedule"] = getattr(settings, "asyncronous_noise_schedule", False)
        self.library.set_time(batch, **told)
        return self.model(batch)[:3]

    @staticmethod
    def rotatable(graph):
        """The bonds that turn, [torsions, 2]."""
        return graph["ligand", "ligand"].edge_index.T[graph["ligand"].edge_mask]

    @staticmethod
    def mask_rotate(graph):
        """The atoms that turn with each such bond, [torsions, atoms]."""
        mask = graph["ligand"].mask_rotate
        return torch.as_tensor(np.asarray(mask[0] if isinstance(mask, list) else mask))


def groups(*columns):
    """Yields each distinct row of the columns, as one value or a tuple, with the indices of the samples that have it."""
    rows = list(zip(*(column.tolist() for column in columns)))
    for row in sorted(set(rows)):
        yield row[0] if len(row) == 1 else row, [index for index, other in enumerate(rows) if other == row]


def rotation(quaternions):
    """Rotation matrices [B, 3, 3] of quaternions [B, 4], whose length does not matter."""
    w, x, y, z = torch.nn.functional.normalize(quaternions, dim=-1).unbind(-1)
    rows = [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w),
            2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w),
            2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)]
    return torch.stack(rows, -1).reshape(-1, 3, 3)


def keep_conformers(graphs, folder):
    """Gives each graph the conformer that its ligand had at the first start, which `folder` keeps.

    Several programs may start at once: the first file stays, and all read it.
    """
    for graph in graphs:
        ligand, bonds = graph["ligand"], graph["ligand", "ligand"].edge_index
        identity = hashlib.sha256(repr((ligand.x.tolist(), bonds.tolist())).encode()).hexdigest()[:16]
        path = os.path.join(folder, f"conformer-{identity}.npy")
        if not os.path.exists(path):
            draft = f"{path}.{os.getpid()}"
            with open(draft, "wb") as file:
                np.save(file, ligand.pos.cpu().numpy())
            try:
                os.link(draft, path)
            except FileExistsError:
                pass
            os.remove(draft)
        ligand.pos = torch.from_numpy(np.load(path))


# --- DiffDock itself, the only part that needs it installed

def open_diffdock(options):
    sys.path.insert(0, os.path.expanduser(options.diffdock))
    import yaml
    from rdkit.Chem import RemoveHs
    from torch_geometric.data import Batch
    from utils import diffusion_utils, torsion
    from utils.inference_utils import InferenceDataset, set_nones
    from utils.utils import get_model
    try:
        from utils.utils import crop_beyond
    except ImportError:
        crop_beyond = None

    folder = os.path.expanduser(options.model_dir)
    with open(os.path.join(folder, "model_parameters.yml")) as file:
        settings = argparse.Namespace(**yaml.full_load(file))
    device = torch.device(options.device)
    with open(options.complexes) as file:
        rows = list(csv.DictReader(file))
    columns = {name: set_nones([row.get(name) or None for row in rows])
               for name in ("complex_name", "protein_path", "protein_sequence", "ligand_description")}
    names = [name or f"complex_{index}" for index, name in enumerate(columns["complex_name"])]
    for name in names:
        os.makedirs(os.path.join(options.work_dir, name), exist_ok=True)
    dataset = InferenceDataset(
        out_dir=options.work_dir, complex_names=names, protein_files=columns["protein_path"],
        ligand_descriptions=columns["ligand_description"], protein_sequences=columns["protein_sequence"],
        lm_embeddings=True, receptor_radius=settings.receptor_radius, remove_hs=settings.remove_hs,
        c_alpha_max_neighbors=settings.c_alpha_max_neighbors, all_atoms=settings.all_atoms,
        atom_radius=settings.atom_radius, atom_max_neighbors=settings.atom_max_neighbors,
        knn_only_graph=not getattr(settings, "not_knn_only_graph", True))
    graphs = [dataset.get(index) for index in range(len(names))]
    for name, graph in zip(names, graphs):
        if not graph.success:
            sys.exit(f"diffdock_stepper.py: DiffDock cannot read the complex {name}")
    keep_conformers(graphs, options.work_dir)

    @functools.lru_cache(maxsize=None)
    def orders(index):
        # The hydrogens that InferenceDataset leaves out.
        mol = RemoveHs(graphs[index].mol) if settings.remove_hs else graphs[index].mol
        return mol.GetSubstructMatches(mol, uniquify=False, maxMatches=1000)

    places = {id(graph): index for index, graph in enumerate(graphs)}
    library = SimpleNamespace(
        Batch=Batch, crop_beyond=crop_beyond, t_to_sigma=diffusion_utils.t_to_sigma,
        set_time=diffusion_utils.set_time, modify_conformer_batch=diffusion_utils.modify_conformer_batch,
        modify_conformer_torsion_angles_batch=torsion.modify_conformer_torsion_angles_batch,
        automorphisms=lambda graph: orders(places[id(graph)]))
    model = get_model(settings, device, t_to_sigma=functools.partial(library.t_to_sigma, args=settings),
                      no_parallel=True)
    model.load_state_dict(torch.load(os.path.join(folder, options.checkpoint), map_location="cpu"), strict=True)
    return Docking(library, model.to(device).eval(), settings, graphs, device, options.start_scale)


def main():
    parser = argparse.ArgumentParser(description="DiffDock v1.1 as a sampler of the ld3 programs")
    parser.add_argument("--diffdock", required=True, help="DiffDock's folder")
    parser.add_argument("--model-dir", required=True, help="the score model's folder, with model_parameters.yml")
    parser.add_argument("--checkpoint", default="best_ema_inference_epoch_model.pt")
    parser.add_argument("--complexes", required=True, help="CSV file: complex_name, protein_path, ligand_description")
    parser.add_argument("--work-dir", default="diffdock-work", help="keeps conformers, and the structures of ESMFold")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--start-scale", type=float, default=1.0,
                        help="deviation of the first places in units of tr_sigma_max (v1.1's own config: 1.46)")
    options = parser.parse_args()
    # DiffDock prints to standard output, where frames go.
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    open_diffdock(options).serve(output)


if __name__ == "__main__":
    main()
