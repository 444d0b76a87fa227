# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a person types.  Each target installs by apt what it lacks, says what it
# does and how long each step took, and does nothing that is done already.
# The work is in scripts/ and in the meson.build files.
#
# LAB=trixie: the lab's host is Debian 13, and what runs in it is built in one, to
# a folder of its own.

LAB := bookworm
BUILD := build
STEP := scripts/step
DEPS := scripts/install-deps
RUN_LAB := tests/lab/lab
FUZZ_SECONDS := 60
export LAB

ifneq ($(LAB),bookworm)
BUILD := build/$(LAB)
IN_SUITE := scripts/in-suite $(LAB)
NOT_THERE := check check-unit check-newer coverage fuzz bench patches docs
ifneq ($(filter $(NOT_THERE),$(MAKECMDGOALS)),)
$(error LAB=$(LAB) is for the lab, for what it needs, and for check-qtest)
endif
endif

.DEFAULT_GOAL := help
.PHONY: help demo check check-unit check-qtest check-lab check-newer check-dkms \
        check-pairings coverage fuzz qemu tools guest guest-deb deb lab-image \
        lab-shell bench bench-lab patches docs clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /  make \1#/p' $(MAKEFILE_LIST) | \
	    column -t -s '#'

demo: lab-image ## a Linux guest's traffic through xen-nic-pg on a real Xen
	@$(RUN_LAB) demo

check: ## all tests; the last line counts them
	@scripts/check $(BUILD)

check-unit: ## the tests that need no Xen
	@scripts/check $(BUILD) style docs patches unit device tools xensim \
	    qtest sanitized races fuzz bench coverage guest packages

check-qtest: ## the device on a simulated Xen
	@$(DEPS) fetch $(if $(IN_SUITE),suite)
	@scripts/qemu-fetch $(BUILD)
	@$(IN_SUITE) scripts/check $(BUILD) xensim qtest

check-newer: ## our patch series on QEMU 10.2, and the suites on what it builds
	@scripts/check $(BUILD) newer

check-dkms: lab-image ## our netfront's package in a Debian guest, ten minutes
	@$(RUN_LAB) run dkms

# stock/xen_nic_pg is what `make check` has.
check-pairings: lab-image ## the main scenarios in other pairings and on 6.12, an hour
	@failed=0; \
	for pairing in 'pg 6.1 xen_nic_pg' 'pg 6.12 xen_nic_pg' \
	    'pg 6.1 netback' 'pg 6.12 netback' 'stock 6.1 netback'; do \
	    set -- $$pairing; echo "# $$1, Linux $$2, on $$3"; \
	    $(RUN_LAB) run --frontend $$1 --kernel $$2 --backend $$3 \
	        ping bridge lifecycle integrity || failed=1; \
	done; exit $$failed

coverage: ## which of our lines the tests run, in build/coverage/index.html
	@scripts/check $(BUILD) unit sanitized coverage

fuzz: qemu tools ## search for what breaks the device, FUZZ_SECONDS a fuzzer
	@$(DEPS) fuzz
	@scripts/qemu-build $(BUILD) --sanitize
	@tests/fuzz/run $(BUILD) $(FUZZ_SECONDS)

check-lab: lab-image deb ## the scenarios on a real Xen, of Debian 12 or LAB=trixie
	@$(RUN_LAB) run

qemu: ## QEMU with our device: build/qemu/qemu-system-x86_64
	@$(DEPS) $(if $(IN_SUITE),fetch suite,qemu)
	@scripts/qemu-fetch $(BUILD)
	@$(IN_SUITE) scripts/qemu-build $(BUILD)

tools: ## xen-nic-pgd and the lab's programs
	@$(DEPS) $(if $(IN_SUITE),suite,meson)
	@$(IN_SUITE) scripts/meson-build $(BUILD)

guest: ## the netfront for Linux guests: build/guest/KERNEL/*.ko
	@$(DEPS) guest
	@scripts/guest-build $(BUILD)

guest-deb: ## the same as a package that DKMS builds, in build/deb
	@$(DEPS) deb
	@$(STEP) 'guest: package' scripts/deb-build $(BUILD) guest

deb: qemu guest-deb ## the packages of the host and of guests, in build/deb
	@$(DEPS) $(if $(IN_SUITE),suite,hostdeb)
	@$(STEP) 'host: package' $(IN_SUITE) scripts/deb-build $(BUILD) host

lab-image: qemu tools guest guest-deb ## the lab's disk image, from Debian packages
	@$(DEPS) lab
	@$(STEP) 'lab: image' $(RUN_LAB) image

lab-shell: lab-image ## a prompt in dom0
	@$(RUN_LAB) shell

bench: qemu tools ## packet rates on a simulated Xen, natively
	@tests/bench/run $(BUILD)

bench-lab: lab-image ## the figures: kernel netback, QEMU's xen_nic and ours
	@$(RUN_LAB) bench

patches: ## our tree as a patch series for QEMU, in build/patches
	@$(DEPS) fetch patches
	@scripts/qemu-fetch $(BUILD)
	@$(STEP) 'patches: write them' scripts/make-patches $(BUILD)

docs: ## the manual as HTML, in build/meson/docs/html
	@$(DEPS) meson
	@scripts/meson-build $(BUILD) docs/html

clean: ## remove build/, but for what was downloaded and unpacked
	@$(STEP) 'remove build products' find $(BUILD) -mindepth 1 -maxdepth 1 \
	    ! -name qemu-pristine ! -name qemu-meson -exec rm -rf {} +
