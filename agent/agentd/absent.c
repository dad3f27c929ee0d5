/* SPDX-License-Identifier: Apache-2.0 */
/* absent.c - methods of the interface that mean nothing for QEMU, and why.  A client is
 * answered Unimplemented with the reason, never a success that was none.
 */
#include "agent/agentd/methods.h"

static const struct {
    const char *name; /* ending in a dot: all that begin so */
    const char *why;
} absent[] = {
    { "HOST.get_console_data", "KVM has no console of its own; see the kernel's log" },
    { "HOST.send_debug_keys", "KVM takes no debug keys" },
    { "HOST.update_guest_agent_features", "no feature of a guest's agent is licensed" },
    { "HOST.set_numa_affinity_policy", "a VM's own document says where it is placed" },
    { "VM.fast_resume", "a suspended VM has no domain that could go on; use VM.resume" },
    { "VM.s3suspend", "sleep states are the guest's own; use VM.suspend or VM.pause" },
    { "VM.s3resume", "sleep states are the guest's own; use VM.resume or VM.unpause" },
    { "VM.set_shadow_multiplier", "QEMU has no shadow memory to be sized" },
    { "VM.set_xsdata", "a guest of QEMU reads no xenstore" },
    { "VM.request_rdp", "nothing is changed inside a guest" },
    { "VM.run_script", "nothing is executed inside a guest" },
    { "VIF.set_ipv4_configuration", "no guest is told its address; VM.set_ip notes one" },
    { "VIF.set_ipv6_configuration", "no guest is told its address; VM.set_ip notes one" },
    { "VIF.set_pvs_proxy", "QEMU has no proxy of disks in a NIC" },
    { "VUSB.", "USB devices are given in a VM's own document" },
    { "VGPU.", "graphics devices are given as PCI, or in a VM's own document" },
    { "Observer.", "traces are not collected; messages are in the journal" },
};

const char *
absent_reason(const char *method)
{
    for (guint i = 0; i < G_N_ELEMENTS(absent); i++) {
        const char *name = absent[i].name;

        if (g_str_has_suffix(name, ".") ? g_str_has_prefix(method, name)
                                        : strcmp(method, name) == 0)
            return absent[i].why;
    }
    return NULL;
}
