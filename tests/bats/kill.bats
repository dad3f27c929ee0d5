#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Drivers that are killed, stopped or denied at a change of a file: some of the points of
# every action.  All of them are tried by bats-long/kill.bats.
load lib/drv
load lib/kill

@test "killed: transfer manager" { kill_points --every 9 tm.; }

@test "killed: datastore" { kill_points --every 7 ds.; }

@test "killed: the worker on a host" { kill_points --away --how worker --every 23 tm.; }

@test "killed: the driver whose worker is on a host" { kill_points --away --every 23 tm.; }

@test "told to stop: transfer manager" { kill_points --how term --every 23 tm.; }

@test "told to stop: datastore" { kill_points --how term --every 17 ds.; }

@test "I/O errors" { kill_points --how EIO --every 23; }

@test "disk full" { kill_points --how ENOSPC --every 23; }
