/* SPDX-License-Identifier: Apache-2.0 */
#include "base/load.h"

#include <dlfcn.h>

#include "base/error.h"

gboolean
drv_load(const char *library,
         const char *const *names,
         gpointer *table,
         gsize *done,
         GError **error)
{
    static GMutex lock;
    g_autoptr(GMutexLocker) locker = NULL;
    void *handle;

    if (g_atomic_pointer_get(done))
        return TRUE;
    locker = g_mutex_locker_new(&lock);
    handle = dlopen(library, RTLD_LAZY | RTLD_LOCAL);
    if (handle == NULL)
        return drv_throw(error, DRV_ERROR_FAILED, "%s", dlerror());
    for (guint i = 0; names[i]; i++) {
        table[i] = dlsym(handle, names[i]);
        if (table[i] == NULL)
            return drv_throw(error, DRV_ERROR_FAILED, "%s", dlerror());
    }
    g_atomic_pointer_set(done, 1);
    return TRUE;
}
