/* SPDX-License-Identifier: Apache-2.0 */
/* vmm.h - what a hypervisor driver can be asked, on the host itself.
 *
 * Each action is a request type; kvm/driver.c names the op for each.  Source of argv and
 * of the XML paths: the virtual machine protocol, sections 1.8, 2.1 and 2.4.
 *
 * The front-end gives the action's document (VMM_DRIVER_ACTION_DATA) on stdin, as it is
 * or in base64; front-ends before 5.12 give some actions none.  A document that is there
 * but not whole stops the action before it does anything.
 */
#pragma once

#include "base/config.h"
#include "request/op.h"
#include "request/xml.h"
#include "virt/virt.h"

#define VMM_METADATA_URI "http://opennebula.org/xmlns/libvirt/1.0"

/* What all requests begin with. */
#define VMM_HEAD                                                                         \
    DrvRequest head;                                                                     \
    char *deploy_id; /* name or UUID of the domain */                                    \
    char *vm_id;                                                                         \
    char *xml; /* the document from stdin or argv; "" when there was none */

typedef struct {
    VMM_HEAD
} VmmHead; /* shutdown, cancel, reboot, reset, resize, poll: nothing else */
extern const DrvRequestType vmm_domain;
extern const DrvRequestType vmm_poll; /* deploy_id: "-t" for all domains */
extern const DrvRequestType vmm_resize;

typedef struct {
    VMM_HEAD        /* xml: of the domain */
        char *file; /* where the domain's XML is kept, in the VM's folder */
} VmmDeploy;
extern const DrvRequestType vmm_deploy;

typedef struct {
    VMM_HEAD
    char *file; /* the checkpoint */
    char *host;
    char *tm_mad; /* of the system datastore; "" when not told */
} VmmCheckpoint;
extern const DrvRequestType vmm_save;
extern const DrvRequestType vmm_restore;

typedef struct {
    VMM_HEAD
    char *destination; /* host to go to */
    char *source;      /* host it is on */
    char *folder;      /* the VM's folder at the destination (DISK_TARGET_PATH) */
    gboolean shared;   /* the system datastore is seen by both hosts */
} VmmMigrate;
extern const DrvRequestType vmm_migrate;

typedef struct {
    VMM_HEAD
    char *path;   /* of the disk on this host */
    char *target; /* vda … */
} VmmDisk;
extern const DrvRequestType vmm_attach_disk;
extern const DrvRequestType vmm_detach_disk;

typedef struct {
    VMM_HEAD
    char *mac;
    char *bridge;
    char *model;
    char *vn_mad;
    char *target;
} VmmNic;
extern const DrvRequestType vmm_attach_nic;
extern const DrvRequestType vmm_detach_nic;

typedef struct {
    VMM_HEAD
    char *target; /* of the context CD; "" when there is none */
    char *path;   /* of the new one */
} VmmContext;
extern const DrvRequestType vmm_prereconfigure;
extern const DrvRequestType vmm_reconfigure;

typedef struct {
    VMM_HEAD
    char *snapshot; /* create: its number; delete, revert: its name */
} VmmSnapshot;
extern const DrvRequestType vmm_snapshot;

typedef struct {
    VMM_HEAD
    char *disk_id;
    guint64 size_mib;
    char *target; /* from the document */
} VmmResizeDisk;
extern const DrvRequestType vmm_resize_disk;

typedef struct {
    VMM_HEAD /* deploy_id: from the document */
        char *command;
    char *input; /* base64 for the command's stdin */
} VmmExec;
extern const DrvRequestType vmm_exec;
extern const DrvRequestType vmm_exec_cancel;

#define VMM_SLOT(action, op) DRV_SLOT(action, op)

/* All of an action: read the request, run the op, answer with its result.  @what is what
 * is attempted: "deploy".
 */
int vmm_main(int argc, char **argv, const DrvRequestType *type, const char *what);

/* --- for ops ---------------------------------------------------------------------------
 */

/* kvmrc: etc/vmm/kvm/kvmrc of the remotes, or kvmrc beside the action (before 5.6). */
DrvConfig *vmm_config(GError **error);

/* Connect as LIBVIRT_URI says, and find the request's domain. */
DrvVirt *vmm_open(const DrvConfig *config, GError **error);
DrvDomain *vmm_find(DrvVirt *virt, const VmmHead *request, GError **error);

/* All three of them, for an op that needs the domain to be there.  Start with { 0 }; what
 * is in it is the session's.  DRV_ERROR_NOT_FOUND when libvirt knows no such domain.
 */
typedef struct {
    DrvConfig *config;
    DrvVirt *virt;
    DrvDomain *domain;
} VmmSession;

gboolean vmm_session_open(VmmSession *session,
                          const VmmHead *request,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;
void vmm_session_clear(VmmSession *session);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(VmmSession, vmm_session_clear)

/* Front-ends write some values into a domain's XML as they are, a VM's name as its title
 * and attributes among them.  The XML with what they hold as text ("R&D; <x>", "]]>", a
 * quote in a value), whatever else is right unchanged; caller frees.
 */
char *vmm_repair_domain(const char *xml);

/* A request's document; an empty one when it had none.  NULL with DRV_ERROR_DUMP. */
DrvXml *vmm_document(const VmmHead *request, GError **error);

/* The VM's folder, from the running domain's metadata; *folder NULL when it has none. */
gboolean vmm_folder(DrvDomain *domain,
                    const DrvConfig *config,
                    char **folder,
                    GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Snapshots outlive libvirt's memory of them as snap-N.xml in the VM's folder: tell
 * libvirt of them; write what libvirt knows there, without the one that is @gone (or
 * NULL). Failures are logged.
 */
void vmm_snapshots_redefine(DrvDomain *domain, const char *folder);
void vmm_snapshots_store(DrvDomain *domain, const char *folder, const char *gone);

/* Give free memory back in large pieces, as kvmrc says; @stop: after a domain's end, in
 * the background.  Best effort.
 */
void vmm_compact_memory(const DrvConfig *config, gboolean stop);

/* Run a privileged helper of the remotes ("vgpu", "vtpm_setup") through sudo, if it is
 * there.  Failure is returned.
 */
gboolean vmm_helper(const char *name,
                    const char *word,
                    const char *arg,
                    const char *arg2,
                    GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* TRUE when @name of kvmrc is yes; when it is not understood, a warning and @fallback. */
gboolean vmm_config_bool(const DrvConfig *config, const char *name, gboolean fallback);
/* The number in @name, the same. */
guint vmm_config_uint(const DrvConfig *config, const char *name, guint fallback);

/* Give virtual GPUs of the VM's folder back, keep its TPM; logged when they fail. */
void vmm_release_devices(DrvXml *domain, const char *folder);
void vmm_keep_tpm(DrvXml *domain, const char *uuid, const char *folder);

/* Finds a device in a domain's XML; NULL when it is not there. */
typedef DrvNode *(*VmmFindDevice)(DrvXml *domain, gconstpointer data);

/* How long a guest has to release what is unplugged. */
#define VMM_UNPLUG_MS 20000

/* Unplug the device @find finds, and wait until the guest has let go of it.  A device
 * that is not there is a success; one that the guest keeps is an error and still in use.
 */
gboolean vmm_unplug(DrvDomain *domain,
                    VmmFindDevice find,
                    gconstpointer data,
                    GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Our death does not stop libvirtd: wait until what an earlier action began on the domain
 * has come to its end.  @watch counts DRV_EVENT_LIFECYCLE.
 */
gboolean vmm_wait_for_job(DrvDomain *domain,
                          DrvWatch *watch,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Read the running domain's XML. */
DrvXml *vmm_domain_xml(DrvDomain *domain, GError **error);

/* Run the admin's hook NAME.TM_MAD beside the action if there is one, with @args (NULL-
 * terminated) and the document on stdin.  *ran says whether there was one.
 */
gboolean vmm_hook(const char *name,
                  const char *tm_mad,
                  const char *const *args,
                  const char *document,
                  gboolean *ran,
                  GError **error) G_GNUC_WARN_UNUSED_RESULT;
