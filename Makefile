# LD3 in Swift. `make` builds, `make demo` shows, `make test` tests; each of them first installs the system libraries.

PREFIX ?= /usr/local
DESTDIR ?=
SWIFT ?= swift
FLAGS = -c release
BUILD = .build/release
PROGRAMS = ld3-noise ld3-teacher ld3-fit ld3-sample ld3-fid
MANUAL = .build/manual
SHARE = $(DESTDIR)$(PREFIX)/share
RESOURCES = Sources/Shared/Models/Resources

REPRODUCTIONS = reproduce-cifar10 reproduce-ffhq reproduce-afhqv2 reproduce-imagenet64 reproduce-mnist32
LATENT_REPRODUCTIONS = reproduce-lsun-latent reproduce-imagenet256 reproduce-sd reproduce-instaflow
# The shape of the paper's other tables and figures on the embedded model.
REPORTS = reproduce-solvers reproduce-ablation reproduce-transfer reproduce-relaxation reproduce-data-size \
    reproduce-truncation reproduce-training reproduce-bound

.PHONY: $(REPRODUCTIONS) $(LATENT_REPRODUCTIONS) $(REPORTS) reproduce-pointcloud reproduce-pointcloud-rehearsal \
    reproduce-digits64 reproduce-latent-rehearsal reproduce-results fid-50k build setup demo reproduce-demo test \
    record-golden bench format fuzz manual help install uninstall clean

build: setup  ## build the programs into .build/release
	$(SWIFT) build $(FLAGS)

setup:  ## install the system libraries that are missing
	@scripts/setup

demo: build  ## run the whole chain on the embedded model and show what it made
	@PATH="$(CURDIR)/$(BUILD):$$PATH" scripts/demo

reproduce-demo: build  ## the demo at full length
	@PATH="$(CURDIR)/$(BUILD):$$PATH" scripts/demo --full

# The paper's pixel-space tables on the user's own files: CHECKPOINT=, INCEPTION=, LPIPS= and REFERENCE=.
$(REPRODUCTIONS): build
	@PATH="$(CURDIR)/$(BUILD):$$PATH" scripts/reproduce-pixel $(patsubst reproduce-%,%,$@)

# The paper's point cloud table on the user's own files, CHECKPOINT= and REFERENCE=, and a rehearsal without them.
reproduce-pointcloud: build  ## the paper's point cloud table on your own CHECKPOINT= and REFERENCE=
	@PATH="$(CURDIR)/$(BUILD):$$PATH" scripts/reproduce-pointcloud

reproduce-pointcloud-rehearsal: build  ## the same on a small checkpoint with random weights
	@PATH="$(CURDIR)/$(BUILD):$$PATH" scripts/reproduce-pointcloud rehearsal

# The paper's latent tables on the user's own files, as above, and CAPTIONS= for text; a rehearsal without them.
$(LATENT_REPRODUCTIONS): build
	@PATH="$(CURDIR)/$(BUILD):$$PATH" scripts/reproduce-latent $(patsubst reproduce-%,%,$@)

reproduce-latent-rehearsal: build  ## the paper's Stable Diffusion table in small, on the embedded latent model
	@PATH="$(CURDIR)/$(BUILD):$$PATH" scripts/reproduce-latent rehearsal

# The shape of the paper's latent tables on the embedded latent diffusion model.
reproduce-digits64: build  ## solvers and discretizations on the embedded latent model
	@PATH="$(CURDIR)/$(BUILD):$$PATH" scripts/reproduce-digits64

$(REPORTS): build
	@PATH="$(CURDIR)/$(BUILD):$$PATH" scripts/$@

# All of them; results/ holds what is done, so that a run that was stopped goes on.
reproduce-results: $(REPORTS)  ## the tables and figures of docs/RESULTS.md but Tables 4 to 6, 9 and 10; goes on where it was stopped

# The distance of 50,000 samples on this machine or on many: SCHEDULE=, ENGINE=local|parallel|slurm (docs/CLUSTER.md).
fid-50k: build  ## the distance of 50,000 samples along SCHEDULE=, on one machine or many
	@PATH="$(CURDIR)/$(BUILD):$$PATH" scripts/fid-50k

test: setup  ## run every test
	$(SWIFT) build --build-tests $(FLAGS)
	PYTHON="$$(scripts/setup --python)" scripts/test $(SWIFT) test $(FLAGS) --skip-build

# Writes what the golden command lines print now as what they are to print; look at the difference before a commit.
record-golden: setup  ## write what the programs print now as what the golden tests expect
	$(SWIFT) build --build-tests $(FLAGS)
	LD3_RECORD_GOLDEN=1 $(SWIFT) test $(FLAGS) --skip-build --filter GoldenTests

bench: build  ## time the engine
	@PATH="$(CURDIR)/$(BUILD):$$PATH" scripts/bench-engine

fuzz: build  ## run the readers on damaged files
	@scripts/fuzz

format:  ## format the sources
	$(SWIFT) format -i -r Sources Tests Package.swift

# Manual pages and completions, into .build/manual.
manual: build  ## write manual pages and completions into .build/manual
	@PATH="$(CURDIR)/$(BUILD):$$PATH" scripts/manual $(MANUAL)

install: build manual  ## install programs, manual pages and completions into PREFIX=
	install -d "$(DESTDIR)$(PREFIX)/bin" "$(SHARE)/ld3" "$(SHARE)/man/man1" "$(SHARE)/man/man5" "$(SHARE)/man/man7"
	install -d "$(SHARE)/bash-completion/completions" "$(SHARE)/zsh/site-functions" "$(SHARE)/fish/vendor_completions.d"
	install $(addprefix $(BUILD)/,$(PROGRAMS)) "$(DESTDIR)$(PREFIX)/bin"
	install -m 644 $(RESOURCES)/* "$(SHARE)/ld3"
	for section in 1 5 7; do install -m 644 $(MANUAL)/man/man$$section/* "$(SHARE)/man/man$$section" || exit; done
	for program in $(PROGRAMS); do \
	    install -m 644 $(MANUAL)/completions/$$program.bash "$(SHARE)/bash-completion/completions/$$program" && \
	    install -m 644 $(MANUAL)/completions/$$program.zsh "$(SHARE)/zsh/site-functions/_$$program" && \
	    install -m 644 $(MANUAL)/completions/$$program.fish "$(SHARE)/fish/vendor_completions.d" || exit; \
	done

uninstall:  ## remove what install has installed
	rm -f $(addprefix "$(DESTDIR)$(PREFIX)/bin"/,$(PROGRAMS))
	rm -rf "$(SHARE)/ld3"
	rm -f $(patsubst %,"$(SHARE)/man/man1"/%.1,$(PROGRAMS)) "$(SHARE)/man/man5/ld3-stream.5" "$(SHARE)/man/man7/ld3.7"
	rm -f $(addprefix "$(SHARE)/bash-completion/completions"/,$(PROGRAMS))
	rm -f $(addprefix "$(SHARE)/zsh/site-functions"/_,$(PROGRAMS))
	rm -f $(patsubst %,"$(SHARE)/fish/vendor_completions.d"/%.fish,$(PROGRAMS))

help:  ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*  ## /\1\t/p' Makefile | awk -F '\t' '{ printf "  %-31s %s\n", $$1, $$2 }'
	@echo "the paper's tables on your own files, and the reports of docs/RESULTS.md:"
	@echo "  $(REPRODUCTIONS) $(LATENT_REPRODUCTIONS) $(REPORTS)" | fold -s -w 100 | sed 's/^ */  /'

clean:  ## remove what was built
	$(SWIFT) package clean
	rm -rf demo
