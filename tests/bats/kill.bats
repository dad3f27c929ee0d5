#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# Drivers that are killed, stopped or denied at a change of a file: all points of the
# datastore's actions when killed, and some of the others, which bats-long/kill*.bats has.
load lib/drv
load lib/kill

# Actions that make, copy, move, replace and take: what all others are made of.
SOME=(tm.clone.qcow2.again tm.cpds.qcow2.snapshot tm.mkimage.qcow2.ext4 tm.mv
    tm.snap_create.qcow2.persistent tm.snap_delete.qcow2.persistent.newest)

@test "killed: transfer manager" { kill_points --every 5 tm.; }

@test "killed: datastore" { kill_points ds.; }

@test "killed: the worker on a host" { kill_points --away --how worker --every 9 "${SOME[@]}"; }

@test "killed: the driver whose worker is on a host" { kill_points --away --every 9 "${SOME[@]}"; }

@test "told to stop" { kill_points --how term --every 9 "${SOME[@]}" ds.cp; }

@test "I/O errors" { kill_points --how EIO --every 9 "${SOME[@]}" ds.cp; }

@test "disk full" { kill_points --how ENOSPC --every 9 "${SOME[@]}" ds.cp; }

@test "killed: transfer manager ssh" { kill_points --every 7 ssh.; }
