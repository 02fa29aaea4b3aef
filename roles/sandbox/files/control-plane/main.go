// Copyright (c) 2026, the gpu_cluster.hardening authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// A Kubernetes control plane in one binary: it runs the component whose name it is called by.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	nodestage "sigs.k8s.io/kwok/kustomize/stage/node/fast"
	heartbeatstage "sigs.k8s.io/kwok/kustomize/stage/node/heartbeat-with-lease"
	podstage "sigs.k8s.io/kwok/kustomize/stage/pod/fast"
	kwokconfig "sigs.k8s.io/kwok/pkg/config"
	kwok "sigs.k8s.io/kwok/pkg/kwok/cmd"
	kwoklog "sigs.k8s.io/kwok/pkg/log"
	"sigs.k8s.io/kwok/pkg/utils/signals"
)

func main() {
	name := filepath.Base(os.Args[0])
	switch name {
	case "etcd":
		etcdmain.Main(os.Args)
	case "kube-apiserver":
		os.Exit(cli.Run(apiserver.NewAPIServerCommand()))
	case "kube-controller-manager":
		os.Exit(cli.Run(controllermanager.NewControllerManagerCommand()))
	case "kube-scheduler":
		os.Exit(cli.Run(scheduler.NewSchedulerCommand()))
	case "kubectl":
		os.Exit(cli.Run(kubectl.NewDefaultKubectlCommand()))
	case "kwok":
		exitOnError(runKwok())
	case "kwok-stages":
		fmt.Println(stages())
	default:
		fmt.Fprintf(os.Stderr, "%q is not a component: call this binary as etcd, kube-apiserver, "+
			"kube-controller-manager, kube-scheduler, kubectl, kwok or kwok-stages\n", name)
		os.Exit(2)
	}
}

// stages is the life of simulated nodes and pods, as kwok's --config takes it.
func stages() string {
	return strings.Join([]string{
		nodestage.DefaultNodeInit,
		heartbeatstage.DefaultNodeHeartbeatWithLease,
		podstage.DefaultPodReady,
		podstage.DefaultPodComplete,
		podstage.DefaultPodDelete,
	}, "\n---\n")
}

// runKwok does what kwok's own main does: its log and config flags are read before cobra reads the others.
func runKwok() error {
	flags := pflag.NewFlagSet("global", pflag.ContinueOnError)
	flags.ParseErrorsAllowlist.UnknownFlags = true
	flags.Usage = func() {}
	ctx, _ := kwoklog.InitFlags(signals.SetupSignalContext(), flags)
	ctx, err := kwokconfig.InitFlags(ctx, flags)
	if err != nil {
		return err
	}
	return kwokCommand(kwok.NewCommand(ctx), flags).ExecuteContext(ctx)
}

func kwokCommand(command *cobra.Command, flags *pflag.FlagSet) *cobra.Command {
	command.Version = "" // component-base has a --version flag already
	command.PersistentFlags().AddFlagSet(flags)
	return command
}

func exitOnError(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
