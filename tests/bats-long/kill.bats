#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# Drivers and workers that are killed at every change of a file.
load ../bats/lib/drv
load ../bats/lib/kill

@test "killed: transfer manager" { kill_points tm.; }

@test "killed: datastore" { kill_points ds.; }

@test "killed: the worker on a host" { kill_points --away --how worker tm.; }

@test "killed: the driver whose worker is on a host" { kill_points --away tm.; }

@test "killed: transfer manager ssh" {
    kill_points ssh.
    kill_points --away --how worker ssh.
}
