# SPDX-License-Identifier: Apache-2.0
# All targets.  Drivers, actions, helpers and tests are found by wildcard: adding an
# action is one file, adding a driver is one directory.  See HACKING.md.

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:

CC      ?= cc
PREFIX  ?= /var/lib/one
MANDIR  ?= /usr/share/man
DEBUGDIR ?= /usr/lib/debug
BINDIR  ?= /usr/bin
LIBEXECDIR ?= /usr/libexec/one-native
UNITDIR ?= /usr/lib/systemd/system
SYSCONFDIR ?= /etc
COMPDIR ?= /usr/share/bash-completion/completions
TREEDIR ?= /usr/lib/one-native
ZSHDIR  ?= /usr/share/zsh/vendor-completions
DESTDIR ?=
OUT     ?= out$(if $(SAN),-san)$(if $(findstring clang,$(CC)),-clang)
VERSION := $(shell cat packaging/VERSION)
# Front-end and worker must be of one build: the version and a digest of the sources.
BUILD   := $(VERSION)-$(shell cat $$(find helpers remotes -name '*.[ch]' | LC_ALL=C sort) | sha256sum | cut -c1-8)

WARN  := -Wall -Wextra -Wshadow -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes \
         -Wvla -Walloca -Wundef -Wwrite-strings $(if $(WERROR),-Werror)
HARD  := -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fPIE \
         $(if $(filter x86_64,$(shell uname -m)),-fcf-protection)
LDHARD := -pie -Wl,-z,relro,-z,now,--as-needed
ifdef SAN
HARD  := -fPIE -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
LDHARD := -pie -Wl,--as-needed -fsanitize=address,undefined
SAN_OPTIONS := $(OUT)/o/tests/san/options.o
endif

PKGS     := glib-2.0 libxml-2.0 libcurl libarchive libcrypto zlib liblzma yaml-0.1 json-c libpci
PKG_INC  := $(shell pkg-config --cflags $(PKGS) libvirt 2>/dev/null)
LIBS     := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lpthread -ldl -lm
VIRTLIBS := $(shell pkg-config --libs libvirt libvirt-qemu 2>/dev/null)
RBDLIBS  := -lrbd -lrados

CFLAGS ?= -O2 -g
ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE -include helpers/base/banned.h \
    -Ihelpers -Iremotes $(PKG_INC) $(WARN) $(HARD) $(CFLAGS)
LINK = $(CC) $(CFLAGS) $(LDHARD) $(LDFLAGS) -o $@

obj = $(patsubst %.c,$(OUT)/o/%.o,$(wildcard $(1)))

LIBDRV := $(OUT)/libdrv.a

# --- drivers: remotes/<family>/main/<action>.c x remotes/<family>/<driver>/driver.c -----
# Each executable is its action's main, its driver's slot for that action (driver.c
# compiled once per action), and from the archives what those two reach.
family_actions = $(notdir $(basename $(wildcard remotes/$(1)/main/*.c)))
# Actions whose names have a suffix, as clone.ssh, are in driver-<suffix>.c.
family_tables  = $(wildcard remotes/$(1)/*/driver-*.c)
table_driver   = $(notdir $(patsubst %/,%,$(dir $(1))))
table_suffix   = $(patsubst driver-%.c,%,$(notdir $(1)))
suffix_actions = $(sort $(shell sed -n 's/^[A-Z]*_SLOT.\([a-z_]*\),.*/\1/p' \
                 $(wildcard remotes/$(1)/*/driver-$(2).c)))
table_progs    = $(foreach a,$(call suffix_actions,$(1),$(call table_suffix,$(2))),\
                 $(OUT)/remotes/$(1)/$(call table_driver,$(2))/$(a).$(call table_suffix,$(2)))
family_drivers = $(patsubst remotes/$(1)/%/driver.c,%,$(wildcard remotes/$(1)/*/driver.c))

define family
$(1)_ACTIONS := $$(call family_actions,$(1))
$(1)_DRIVERS := $$(call family_drivers,$(1))
$(1)_PROGS   := $$(foreach d,$$($(1)_DRIVERS),$$($(1)_ACTIONS:%=$(OUT)/remotes/$(1)/$$(d)/%)) \
                $$(foreach t,$$(call family_tables,$(1)),$$(call table_progs,$(1),$$(t)))
$(1)_OPS     := $$(filter-out %/driver.o,$$(call obj,remotes/$(1)/*/*.c remotes/$(1)/*/*/*.c))
$(1)_OPS     := $$(filter-out $(OUT)/o/remotes/$(1)/main/% $$(call obj,$$(call family_tables,$(1))),$$($(1)_OPS))
$(1)_LIB     := $(OUT)/lib$(1).a
$$($(1)_LIB): $$($(1)_OPS) $$(call obj,remotes/$(1)/*.c)
PROGS += $$($(1)_PROGS)
FAMILY_LIBS += $$($(1)_LIB)
OPS += $$(if $$($(1)_HERE),$$(filter %-remote.o,$$($(1)_OPS)),$$($(1)_OPS))
.SECONDEXPANSION:
$$($(1)_PROGS): $(OUT)/remotes/$(1)/%: $(OUT)/o/remotes/$(1)/main/$$$$(basename $$$$(notdir $$$$*)).o \
    $(OUT)/o/remotes/$(1)/slots/%.o $(OUT)/lib$(1).a $(LIBDRV) $(SAN_OPTIONS)
	@mkdir -p $$(@D)
	$$(LINK) $$^ $$(LIBS) $$($(1)_LIBS)
$(OUT)/o/remotes/$(1)/slots/%.o: remotes/$(1)/$$$$(patsubst %/,%,$$$$(dir $$$$*))/driver$$$$(subst .,-,$$$$(suffix $$$$*)).c
	@mkdir -p $$(@D)
	$$(CC) $$(ALL_CFLAGS) -DDRV_SLOT_$$(basename $$(notdir $$*))=1 -MMD -MP -c -o $$@ $$<
endef

# What a family's programs link besides; and families whose ops are not in the worker
# (but for *-remote.c), because the front-end starts them on the host itself.
vmm_LIBS := $(VIRTLIBS)
vmm_HERE := yes

FAMILIES := $(patsubst remotes/%/main,%,$(wildcard remotes/*/main))
all:
$(foreach f,$(FAMILIES),$(eval $(call family,$(f))))

# --- the worker: ops in one program; those that need libvirt or librbd in another each --
LIVE_OPS := $(filter %-live.o,$(OPS))
RBD_OPS  := $(filter %-rbd.o,$(OPS))
WORKERS  := $(addprefix $(OUT)/remotes/drv/bin/,worker worker-virt worker-rbd)
WORKER_MAIN := $(call obj,helpers/worker/*.c)

$(OUT)/remotes/drv/bin/worker: $(WORKER_MAIN) $(call obj,helpers/doctor/*.c) $(filter-out $(LIVE_OPS) $(RBD_OPS),$(OPS)) $(FAMILY_LIBS) $(LIBDRV) $(SAN_OPTIONS)
	@mkdir -p $(@D)
	$(LINK) $^ $(LIBS)
$(OUT)/remotes/drv/bin/worker-virt: $(WORKER_MAIN) $(LIVE_OPS) $(FAMILY_LIBS) $(LIBDRV) $(SAN_OPTIONS)
	@mkdir -p $(@D)
	$(LINK) $^ $(LIBS) $(VIRTLIBS)
$(OUT)/remotes/drv/bin/worker-rbd: $(WORKER_MAIN) $(RBD_OPS) $(FAMILY_LIBS) $(LIBDRV) $(SAN_OPTIONS)
	@mkdir -p $(@D)
	$(LINK) $^ $(LIBS) $(RBDLIBS)

# --- monitoring: four directories are a library, every other source an executable ----
IM_ROOMS   := base client state probes
IM_SOURCES := $(filter-out $(IM_ROOMS:%=remotes/im/%/%),$(shell find remotes/im -name '*.c'))
IM_PROGS   := $(IM_SOURCES:%.c=$(OUT)/%)
LIBIM      := $(OUT)/libim.a
$(LIBIM): $(call obj,$(IM_ROOMS:%=remotes/im/%/*.c))
PROGS += $(IM_PROGS) $(OUT)/remotes/im/qemu-probes.d
# The client, and what starts and ends it, have all probes, which register themselves; a
# probe's program has what it reaches.
IM_PROBES  := $(call obj,remotes/im/probes/*.c)
$(IM_PROGS): $(OUT)/%: $(OUT)/o/%.o $$(if $$(findstring -probes.d/,$$@),,$(IM_PROBES)) $(LIBIM) $(LIBDRV) $(SAN_OPTIONS)
	@mkdir -p $(@D)
	$(LINK) $^ $(LIBS) $(VIRTLIBS)
# Stock probes and ours in their place: one list for the client and install-remotes.
$(OUT)/gen/stock-probes.h: packaging/stock-probes
	@mkdir -p $(@D)
	awk 'BEGIN { printf "#define STOCK_PROBES" } \
		!/^#/ { printf " { \"%s\", \"%s\" },", $$1, $$2 } END { print "" }' $< >$@
HAVE_PROBES := $(OUT)/o/remotes/im/client/client-run.o $(OUT)/o/helpers/doctor/check-machine.o
$(HAVE_PROBES): $(OUT)/gen/stock-probes.h
$(HAVE_PROBES): ALL_CFLAGS += -include $(OUT)/gen/stock-probes.h
# The settings that there are, for drv doctor.
$(OUT)/gen/settings.h: remotes/etc/one-native.conf
	@mkdir -p $(@D)
	sed -nE 's/^(# )?([A-Z]\w*)=.*/"\2",/p' $< | sort -u | tr '\n' ' ' | \
	    sed 's/^/#define ONE_NATIVE_SETTINGS /; s/$$/\n/' >$@
$(OUT)/o/agent/drv/doctor-front-end.o: $(OUT)/gen/settings.h
$(OUT)/o/agent/drv/doctor-front-end.o: ALL_CFLAGS += -include $(OUT)/gen/settings.h

# Directories that the front-end's client wants to find, and the names for hosts without KVM.
$(OUT)/remotes/im/qemu-probes.d:
	@mkdir -p $(@D)/kvm.d $(@D)/kvm-probes.d/vm/snapshot $(@D)/kvm-probes.d/vm/execution
	ln -sfn kvm.d $(@D)/qemu.d
	ln -sfn kvm-probes.d $@

# --- what programs say to --help, from the comment on top of their source ----
MAINS := $(foreach f,$(FAMILIES),$(wildcard remotes/$(f)/main/*.c)) $(IM_SOURCES) helpers/worker/main.c \
         agent/worker/main.c agent/watcher/main.c
$(MAINS:%.c=$(OUT)/help/%.h): $(OUT)/help/%.h: %.c packaging/help-text
	@mkdir -p $(@D)
	packaging/help-text $< >$@
$(foreach m,$(MAINS:%.c=%),$(eval $(OUT)/o/$(m).o: $(OUT)/help/$(m).h))
$(MAINS:%.c=$(OUT)/o/%.o): ALL_CFLAGS += -include $(@:$(OUT)/o/%.o=$(OUT)/help/%.h)

# --- the host agent: every directory of agent/ but common/ is a program ----
AGENT_VIRT := $(OUT)/agent/drv-agent-worker $(OUT)/agent/drv-agent-watcher
PROGS += $(AGENT_VIRT)
$(AGENT_VIRT): $(OUT)/agent/drv-agent-%: $$(call obj,agent/$$*/*.c agent/common/*.c) $(OUT)/libvmm.a $(LIBDRV) $(SAN_OPTIONS)
	@mkdir -p $(@D)
	$(LINK) $^ $(LIBS) $(VIRTLIBS)
$(OUT)/o/agent/%.o: ALL_CFLAGS += -I.

# The core, its simulated back end, and the command for people need no libvirt.
AGENT_CORE := $(OUT)/agent/drv-agentd $(OUT)/agent/drv-agent-simulator $(OUT)/agent/drv \
              $(OUT)/agent/drv-mqttd
PROGS += $(AGENT_CORE)
$(OUT)/agent/drv-agentd: $(call obj,agent/agentd/*.c agent/common/*.c)
$(OUT)/agent/drv-agent-simulator: $(call obj,agent/simulator/*.c agent/common/*.c)
$(OUT)/agent/drv: $(call obj,agent/drv/*.c agent/common/*.c)
# The only one that speaks MQTT.
$(OUT)/agent/drv-mqttd: $(call obj,agent/mqttd/*.c agent/common/*.c)
$(AGENT_CORE): $(LIBDRV) $(SAN_OPTIONS)
	@mkdir -p $(@D)
	$(LINK) $(filter %.o,$^) $(LIBDRV) $(LIBS) $(if $(filter %/drv-agentd %/drv-mqttd,$@),-lsystemd) \
	    $(if $(filter %/drv-mqttd,$@),-lmosquitto)

# --- what is copied as it is ----
ETC     := $(patsubst remotes/%,$(OUT)/remotes/%,$(shell find remotes/etc -type f))
SHELL_LIBS := $(patsubst %,$(OUT)/%,$(shell find remotes -name '*.sh'))
SCRIPTS := $(OUT)/remotes/scripts_common.sh $(SHELL_LIBS)
$(ETC): $(OUT)/remotes/%: remotes/%
	@mkdir -p $(@D)
	cp $< $@
# Drivers send the text of single functions to hosts.
$(SHELL_LIBS): $(OUT)/remotes/%: remotes/% scripts_common.sh ci/self-contained
	@mkdir -p $(@D)
	ci/self-contained $< scripts_common.sh >$@.new && mv $@.new $@
$(OUT)/remotes/scripts_common.sh: scripts_common.sh ci/self-contained
	@mkdir -p $(@D)
	ci/self-contained $< >$@.new && mv $@.new $@

# --- tests, tools ----
UNITS := $(patsubst tests/unit/%.c,$(OUT)/tests/unit/%,$(wildcard tests/unit/test-*.c))
$(OUT)/tests/unit/%: $(OUT)/o/tests/unit/%.o $(FAMILY_LIBS) $(LIBIM) $(LIBDRV)
	@mkdir -p $(@D)
	$(LINK) $(filter %.o,$^) $(filter-out %.o,$^) $(LIBS) $(if $(findstring virt,$*)$(findstring im,$*),$(VIRTLIBS))

AGENT_PARTS := $(filter-out %/main.o,$(call obj,agent/agentd/*.c agent/common/*.c))
$(OUT)/tests/unit/test-agentd: $(AGENT_PARTS)
$(OUT)/tests/unit/test-agentd: LIBS += -lsystemd
$(OUT)/o/tests/unit/test-agentd.o: ALL_CFLAGS += -I.
MQTT_PARTS := $(filter-out %/main.o,$(call obj,agent/mqttd/*.c agent/common/*.c))
$(OUT)/tests/unit/test-mqttd: $(MQTT_PARTS)
$(OUT)/tests/unit/test-mqttd: LIBS += -lmosquitto
$(OUT)/o/tests/unit/test-mqttd.o: ALL_CFLAGS += -I.

# Fuzz harnesses: with libFuzzer in out-fuzz (make fuzz), and as tests over their corpora.
FUZZ     := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz-*.c))
FUZZ_SAN := -fsanitize=address,undefined -fno-sanitize-recover=undefined
UNITS    += $(FUZZ:%=$(OUT)/tests/unit/%)
$(OUT)/tests/unit/fuzz-%: $(OUT)/o/tests/fuzz/fuzz-%.o $(OUT)/o/tests/fuzz/replay-main.o \
    $(FAMILY_LIBS) $(LIBIM) $(LIBDRV)
	@mkdir -p $(@D)
	$(LINK) $(filter %.o,$^) $(filter %.a,$^) $(LIBS) $(if $(findstring agent,$*),-lsystemd) $(if $(filter domain guest im-%,$*),$(VIRTLIBS))
$(OUT)/tests/fuzz/fuzz-%: $(OUT)/o/tests/fuzz/fuzz-%.o $(FAMILY_LIBS) $(LIBIM) $(LIBDRV)
	@mkdir -p $(@D)
	$(LINK) -fsanitize=fuzzer $(filter %.o,$^) $(filter %.a,$^) $(LIBS) $(if $(findstring agent,$*),-lsystemd) $(if $(filter domain guest im-%,$*),$(VIRTLIBS))
# Those of the agent link what it parses with.
AGENT_FUZZ := $(filter fuzz-agent-%,$(FUZZ))
AGENT_PARSERS := $(filter-out %/main.o,$(call obj,agent/agentd/*.c agent/common/*.c))
$(AGENT_FUZZ:%=$(OUT)/tests/unit/%) $(AGENT_FUZZ:%=$(OUT)/tests/fuzz/%): $(AGENT_PARSERS)
$(AGENT_FUZZ:%=$(OUT)/o/tests/fuzz/%.o): ALL_CFLAGS += -I.
$(OUT)/tests/unit/fuzz-mqtt-task $(OUT)/tests/fuzz/fuzz-mqtt-task: $(MQTT_PARTS)
$(OUT)/tests/unit/fuzz-mqtt-task $(OUT)/tests/fuzz/fuzz-mqtt-task: LIBS += -lmosquitto
$(OUT)/o/tests/fuzz/fuzz-mqtt-task.o: ALL_CFLAGS += -I.
fuzzers: $(FUZZ:%=$(OUT)/tests/fuzz/%)
fuzz-programs:
	$(MAKE) CC=clang OUT=out-fuzz HARD='-fPIE -fsanitize=fuzzer-no-link $(FUZZ_SAN)' \
	    LDHARD='-pie -Wl,--as-needed $(FUZZ_SAN)' fuzzers
fuzz: fuzz-programs
	OUT=out-fuzz tests/fuzz/run

# Makes the Nth system call that changes a file go wrong.
FAULT := $(OUT)/tests/fault
$(FAULT): $(OUT)/o/tests/kill/fault.o
	@mkdir -p $(@D)
	$(LINK) $^ $(shell pkg-config --libs glib-2.0)

# The same for calls of librbd and librados, preloaded.
RBD_FAULT := $(OUT)/tests/rbd-fault.so
$(RBD_FAULT): tests/kill/rbd-fault.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -D_GNU_SOURCE $(WARN) -O2 -g -fPIC -shared -o $@ $< -ldl

# What bench measures actions on hosts against: the same calls of libvirt, and no more.
VIRT_FLOOR := $(OUT)/tests/virt-floor
$(VIRT_FLOOR): $(OUT)/o/tests/bench/virt-floor.o
	@mkdir -p $(@D)
	$(LINK) $^ $(VIRTLIBS)

# And disks in pools: the same calls of librbd.
RBD_FLOOR := $(OUT)/tests/rbd-floor
$(RBD_FLOOR): $(OUT)/o/tests/bench/rbd-floor.o
	@mkdir -p $(@D)
	$(LINK) $^ $(RBDLIBS)

# --- compile rules ----
$(LIBDRV): $(filter-out $(WORKER_MAIN),$(call obj,helpers/*/*.c))
$(LIBDRV) $(LIBIM) $(FAMILY_LIBS):
	@mkdir -p $(@D)
	rm -f $@ && ar qcs $@ $^
$(OUT)/o/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<
SAY_BUILD := $(OUT)/o/helpers/transport/build.o $(OUT)/o/helpers/base/help.o
$(SAY_BUILD): ALL_CFLAGS += -DDRV_BUILD='"$(BUILD)"'
$(SAY_BUILD): $(OUT)/build-id
$(OUT)/build-id: FORCE
	@mkdir -p $(@D)
	@echo '$(BUILD)' | cmp -s - $@ || echo '$(BUILD)' >$@
FORCE:
-include $(shell find $(OUT)/o -type f -name '*.d' 2>/dev/null)

all: $(PROGS) $(WORKERS) $(ETC) $(SCRIPTS)
units: $(UNITS) $(FAULT) $(RBD_FAULT) $(VIRT_FLOOR) $(RBD_FLOOR)

deps:
	@packaging/install-deps.sh >&2

check: deps
	$(MAKE) all units
	OUT=$(OUT) tests/run-check

check-long: deps
	$(MAKE) all units
	OUT=$(OUT) tests/run-check --long
	$(MAKE) check-san

# End to end under sanitizers: what holds libvirt, XML, images and processes.  Not where
# tests trace our programs, in which leaks cannot be looked for then.
SAN_BATS := im-* vmm-* tm-qcow2* ds-fs*
check-san:
	$(MAKE) SAN=1 all units
	OUT=out-san tests/run-check $(wildcard $(SAN_BATS:%=tests/bats/%.bats))

demo: deps
	$(MAKE) -s all
	OUT=$(OUT) tests/demo/demo$(if $(DEMO),-$(DEMO))

bench: deps
	@$(MAKE) -s all $(VIRT_FLOOR) $(RBD_FLOOR) >&2
	@OUT=$(OUT) tests/bench/bench

lint:
	ci/lint.sh

format:
	clang-format -i $$(git ls-files '*.c' '*.h')

# What is installed has no debug symbols: a front-end copies it to each host.  They go
# where debuggers look for them.
STRIPPED := $(OUT)/stripped
stripped: all
	packaging/strip-tree $(OUT)/remotes $(STRIPPED)

# The host agent: a command, a service, which is not enabled, and its programs.
STRIP := -s
AGENT_PROGS = $(filter $(OUT)/agent/drv-agent%,$(PROGS)) # drv-mqttd: install-mqtt
install-agent: all
	install -d $(addprefix $(DESTDIR),$(BINDIR) $(LIBEXECDIR) $(UNITDIR) $(COMPDIR) $(ZSHDIR))
	install $(STRIP) -m 755 $(OUT)/agent/drv $(DESTDIR)$(BINDIR)/drv
	install $(STRIP) -m 755 $(AGENT_PROGS) $(DESTDIR)$(LIBEXECDIR)/
	install -m 644 packaging/systemd/drv-agentd.socket $(DESTDIR)$(UNITDIR)/
	sed 's|@LIBEXECDIR@|$(LIBEXECDIR)|' packaging/systemd/drv-agentd.service \
	    >$(DESTDIR)$(UNITDIR)/drv-agentd.service
	chmod 644 $(DESTDIR)$(UNITDIR)/drv-agentd.service
	install -m 644 packaging/drv.bash-completion $(DESTDIR)$(COMPDIR)/drv
	install -m 644 packaging/drv.zsh-completion $(DESTDIR)$(ZSHDIR)/_drv

# The schedulers' door to it, which needs libmosquitto.
install-mqtt: all
	install -d $(addprefix $(DESTDIR),$(LIBEXECDIR) $(UNITDIR) $(SYSCONFDIR)/one-native)
	install $(STRIP) -m 755 $(OUT)/agent/drv-mqttd $(DESTDIR)$(LIBEXECDIR)/
	sed 's|@LIBEXECDIR@|$(LIBEXECDIR)|' packaging/systemd/drv-mqttd.service \
	    >$(DESTDIR)$(UNITDIR)/drv-mqttd.service
	chmod 644 $(DESTDIR)$(UNITDIR)/drv-mqttd.service
	test -e $(DESTDIR)$(SYSCONFDIR)/one-native/mqttd.yaml || \
	    install -m 644 packaging/mqttd.yaml $(DESTDIR)$(SYSCONFDIR)/one-native/mqttd.yaml

uninstall-agent:
	rm -f $(DESTDIR)$(UNITDIR)/drv-mqttd.service
	rm -rf $(DESTDIR)$(LIBEXECDIR)
	rm -f $(DESTDIR)$(BINDIR)/drv $(DESTDIR)$(COMPDIR)/drv $(DESTDIR)$(ZSHDIR)/_drv \
	    $(addprefix $(DESTDIR)$(UNITDIR)/drv-agentd,.socket .service)

install: stripped install-agent
	install -d $(DESTDIR)$(PREFIX)/remotes $(DESTDIR)$(DEBUGDIR)
ifdef DESTDIR
	cp -a $(STRIPPED)/remotes/. $(DESTDIR)$(PREFIX)/remotes/
else
	packaging/install-remotes $(STRIPPED)/remotes $(PREFIX)/remotes
	cd $(DEBUGDIR) && xargs -r rm -f <$$(ls one-native.list 2>/dev/null || echo /dev/null)
endif
	cp -a $(STRIPPED)/debug/. $(DESTDIR)$(DEBUGDIR)/
	set -e; for page in docs/man/*.[1-8]; do \
	    install -D -m 644 $$page $(DESTDIR)$(MANDIR)/man$${page##*.}/$${page##*/}; done

# What packages have: the tree, and what puts it into a front-end's.
BUILT ?= $(OUT)/remotes
install-tree: all
	install -d $(DESTDIR)$(TREEDIR)
	cp -a $(BUILT) $(DESTDIR)$(TREEDIR)/
	cd packaging && install -m 755 install-remotes keep-stock refresh-front-end \
	    leave-front-end $(DESTDIR)$(TREEDIR)/
	install -m 644 packaging/stock-probes $(DESTDIR)$(TREEDIR)/
	chmod -R u=rwX,go=rX $(DESTDIR)$(TREEDIR)

# Packages, in $(OUT)/deb and $(OUT)/rpm.
deb rpm: deps
	packaging/make-$@ $(OUT)/$@

uninstall: uninstall-agent
	packaging/install-remotes --undo $(PREFIX)/remotes
	cd $(DEBUGDIR) && xargs -r rm -f one-native.list <$$(ls one-native.list 2>/dev/null || echo /dev/null)
	rm -f $(foreach n,1 7 8,$(patsubst docs/man/%,$(MANDIR)/man$(n)/%,$(wildcard docs/man/*.$(n))))

clean:
	rm -rf out out-*

.PHONY: FORCE all units fuzz fuzzers fuzz-programs deps check check-long check-san demo bench lint format deb rpm stripped install install-tree install-agent install-mqtt uninstall uninstall-agent clean
.DELETE_ON_ERROR:
.SECONDARY:
