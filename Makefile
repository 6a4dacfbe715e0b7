# LD3 in Swift. `make` builds, `make demo` shows, `make test` tests; each of them first installs the system libraries.

PREFIX ?= /usr/local
DESTDIR ?=
SWIFT ?= swift
FLAGS = -c release
BUILD = .build/release
PROGRAMS = ld3-noise ld3-teacher ld3-fit ld3-sample ld3-fid
RESOURCES = Sources/Shared/Models/Resources

REPRODUCTIONS = reproduce-cifar10 reproduce-ffhq reproduce-afhqv2 reproduce-imagenet64 reproduce-mnist32
# The shape of the paper's other tables and figures on the embedded model.
REPORTS = reproduce-solvers reproduce-ablation reproduce-transfer reproduce-relaxation reproduce-data-size \
    reproduce-truncation reproduce-training reproduce-bound

.PHONY: $(REPRODUCTIONS) $(REPORTS) reproduce-pointcloud reproduce-pointcloud-rehearsal reproduce-digits64 reproduce-results fid-50k build setup demo reproduce-demo test record-golden bench format fuzz install uninstall clean

build: setup
	$(SWIFT) build $(FLAGS)

setup:
	@scripts/setup

demo: build
	@PATH="$(CURDIR)/$(BUILD):$$PATH" scripts/demo

reproduce-demo: build
	@PATH="$(CURDIR)/$(BUILD):$$PATH" scripts/demo --full

# The paper's pixel-space tables on the user's own files: CHECKPOINT=, INCEPTION=, LPIPS= and REFERENCE=.
$(REPRODUCTIONS): build
	@PATH="$(CURDIR)/$(BUILD):$$PATH" scripts/reproduce-pixel $(patsubst reproduce-%,%,$@)

# The paper's point cloud table on the user's own files, CHECKPOINT= and REFERENCE=, and a rehearsal without them.
reproduce-pointcloud: build
	@PATH="$(CURDIR)/$(BUILD):$$PATH" scripts/reproduce-pointcloud

reproduce-pointcloud-rehearsal: build
	@PATH="$(CURDIR)/$(BUILD):$$PATH" scripts/reproduce-pointcloud rehearsal

# The shape of the paper's latent tables on the embedded latent diffusion model.
reproduce-digits64: build
	@PATH="$(CURDIR)/$(BUILD):$$PATH" scripts/reproduce-digits64

$(REPORTS): build
	@PATH="$(CURDIR)/$(BUILD):$$PATH" scripts/$@

# All of them; results/ holds what is done, so that a run that was stopped goes on.
reproduce-results: $(REPORTS)

# The distance of 50,000 samples on this machine or on many: SCHEDULE=, ENGINE=local|parallel|slurm (docs/CLUSTER.md).
fid-50k: build
	@PATH="$(CURDIR)/$(BUILD):$$PATH" scripts/fid-50k

test: setup
	$(SWIFT) build --build-tests $(FLAGS)
	PYTHON="$$(scripts/setup --python)" $(SWIFT) test $(FLAGS) --skip-build

# Writes what the golden command lines print now as what they are to print; look at the difference before a commit.
record-golden: setup
	$(SWIFT) build --build-tests $(FLAGS)
	LD3_RECORD_GOLDEN=1 $(SWIFT) test $(FLAGS) --skip-build --filter GoldenTests

bench: build
	@PATH="$(CURDIR)/$(BUILD):$$PATH" scripts/bench-engine

fuzz: build
	@scripts/fuzz

format:
	$(SWIFT) format -i -r Sources Tests Package.swift

install: build
	install -d "$(DESTDIR)$(PREFIX)/bin" "$(DESTDIR)$(PREFIX)/share/ld3"
	install $(addprefix $(BUILD)/,$(PROGRAMS)) "$(DESTDIR)$(PREFIX)/bin"
	install -m 644 $(RESOURCES)/* "$(DESTDIR)$(PREFIX)/share/ld3"

uninstall:
	rm -f $(addprefix "$(DESTDIR)$(PREFIX)/bin"/,$(PROGRAMS))
	rm -rf "$(DESTDIR)$(PREFIX)/share/ld3"

clean:
	$(SWIFT) package clean
	rm -rf demo
