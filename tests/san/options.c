/* SPDX-License-Identifier: Apache-2.0 */
/* What the sanitizers do in programs of SAN=1: those run on hosts of the lab, as daemons
 * and with an environment that is made again, so neither stderr nor ASAN_OPTIONS reach
 * them.  Reports are files below /var/tmp, which the tests look for (see run-check).
 */

const char *__asan_default_options(void);
const char *__lsan_default_suppressions(void);

const char *
__asan_default_options(void)
{
    return "log_path=/var/tmp/one-native-san:detect_leaks=1:fast_unwind_on_malloc=0"
           ":print_suppressions=0";
}

const char *
__lsan_default_suppressions(void)
{
    /* What libarchive allocates when it is opened is freed when it is closed, which it is
     * not once a write has failed.
     */
    return "leak:archive_write_open2\n"
           /* libvirt's client keeps an empty error when the daemon closes the connection
            * just before it does.
            */
           "leak:virSaveLastError\n";
}
