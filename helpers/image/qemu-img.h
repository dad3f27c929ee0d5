/* SPDX-License-Identifier: Apache-2.0 */
/* image/qemu-img.h - commands of qemu-img, built and not run.
 *
 * Every command names all formats, and file names are relative to the directory the
 * command is to run in (drv_cmd_cwd()), with "./" before them, so no name is ever taken
 * for an option, a protocol or another directory's file.
 */
#pragma once

#include "cmd/cmd.h"

/* An empty image of @size bytes. */
DrvCmd *drv_qemu_img_create(const char *name,
                            const char *format,
                            guint64 size,
                            const char *options);

/* An empty qcow2 overlay of @size bytes on @backing (text as it is to stand in the
 * header, of format @backing_format), which is not opened.  @options: options for
 * qemu-img create, or NULL.
 */
DrvCmd *drv_qemu_img_overlay(const char *name,
                             guint64 size,
                             const char *backing,
                             const char *backing_format,
                             const char *options);

/* A standalone copy of @from (a path or a relative name) as @to.  Without @sparse, zeros
 * are written too.
 */
DrvCmd *drv_qemu_img_convert(const char *from,
                             const char *from_format,
                             const char *to,
                             const char *to_format,
                             gboolean sparse);

/* Milliseconds that the conversion of a disk of @size bytes may take: ten minutes, and as
 * long as a slow disk needs for all of it.  Tables may name the same cluster for ever.
 */
guint drv_qemu_img_convert_timeout(guint64 size);

/* Change the size a guest sees; @full preallocates what is added. */
DrvCmd *
drv_qemu_img_resize(const char *name, const char *format, guint64 size, gboolean full);

/* Change the backing file of qcow2 @name to @backing ("" for none), keeping its content.
 */
DrvCmd *
drv_qemu_img_rebase(const char *name, const char *backing, const char *backing_format);

/* Only write another text for the same backing file into the header of qcow2 @name;
 * neither is opened as a disk.
 */
DrvCmd *drv_qemu_img_rename_backing(const char *name,
                                    const char *backing,
                                    const char *backing_format);

/* Check qcow2 @name, and free what a killed tool had allocated there and not used. */
DrvCmd *drv_qemu_img_repair(const char *name);
