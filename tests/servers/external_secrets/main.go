// Copyright (c) 2026, the gpu_cluster.hardening authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// The External Secrets Operator by its own root command: the arguments of the Deployment that the role makes are read
// by the real flags, and the subcommands webhook and certcontroller are there, too.
package main

import "github.com/external-secrets/external-secrets/cmd/controller"

func main() {
	controller.Execute()
}
