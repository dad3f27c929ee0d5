#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# Drivers that are told to stop, or denied, at every change of a file.
load ../bats/lib/drv
load ../bats/lib/kill

@test "told to stop: transfer manager" { kill_points --how term tm.; }

@test "told to stop: datastore" { kill_points --how term ds.; }

@test "told to stop: the driver whose worker is on a host" { kill_points --away --how term tm.; }

@test "I/O errors" { kill_points --how EIO; }

@test "disk full" { kill_points --how ENOSPC; }
