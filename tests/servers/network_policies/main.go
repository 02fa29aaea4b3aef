// Copyright (c) 2026, the gpu_cluster.hardening authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// What kube-network-policies, the reference implementation of Kubernetes SIG Network, says of connections. Each line of
// stdin is a cluster and connections in it, each line of stdout the verdicts. Policies are completed by the code of the
// API server first, as no network plugin ever sees others.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	_ "unsafe"

	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	defaults "k8s.io/kubernetes/pkg/apis/networking/v1"
	npaclient "sigs.k8s.io/network-policy-api/pkg/client/clientset/versioned"
	npainformers "sigs.k8s.io/network-policy-api/pkg/client/informers/externalversions"

	"sigs.k8s.io/kube-network-policies/pkg/networkpolicy"
)

// packet has the layout of the engine's own type, which it does not export, as little as its evaluation.
type packet struct {
	id               uint32
	family           core.IPFamily
	srcIP, dstIP     net.IP
	proto            core.Protocol
	srcPort, dstPort int
	payload          []byte
}

//go:linkname evaluatePacket sigs.k8s.io/kube-network-policies/pkg/networkpolicy.(*Controller).evaluatePacket
func evaluatePacket(controller *networkpolicy.Controller, ctx context.Context, p packet) bool

type connection struct {
	From, To string
	Port     int
	Protocol core.Protocol
}

type question struct {
	Namespaces  []core.Namespace
	Pods        []core.Pod
	Policies    []networking.NetworkPolicy
	Connections []connection
}

func main() {
	flags := flag.NewFlagSet("klog", flag.ExitOnError)
	klog.InitFlags(flags)
	check(flags.Parse([]string{"-logtostderr=false", "-alsologtostderr=false", "-stderrthreshold=FATAL"}))
	// Nothing is asked of a server: the stores behind the informers are filled here.
	client := kubernetes.NewForConfigOrDie(&rest.Config{})
	factory := informers.NewSharedInformerFactory(client, 0)
	npaClient := npaclient.NewForConfigOrDie(&rest.Config{})
	npaFactory := npainformers.NewSharedInformerFactory(npaClient, 0)
	policies := factory.Networking().V1().NetworkPolicies()
	namespaces := factory.Core().V1().Namespaces()
	pods := factory.Core().V1().Pods()
	controller, err := networkpolicy.NewController(client, policies, namespaces, pods, factory.Core().V1().Nodes(),
		npaClient, npaFactory.Policy().V1alpha1().AdminNetworkPolicies(),
		npaFactory.Policy().V1alpha1().BaselineAdminNetworkPolicies(), networkpolicy.Config{NodeName: "node"})
	check(err)
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<26)
	out := bufio.NewWriter(os.Stdout)
	for lines.Scan() {
		var asked question
		check(json.Unmarshal(lines.Bytes(), &asked))
		for i := range asked.Policies {
			asked.Policies[i] = stored(asked.Policies[i])
		}
		replace(namespaces.Informer().GetIndexer(), asked.Namespaces)
		replace(pods.Informer().GetIndexer(), asked.Pods)
		replace(policies.Informer().GetIndexer(), asked.Policies)
		verdicts := make([]bool, len(asked.Connections))
		for i, c := range asked.Connections {
			verdicts[i] = evaluatePacket(controller, context.Background(), packet{
				srcIP: net.ParseIP(c.From), dstIP: net.ParseIP(c.To),
				proto: c.Protocol, srcPort: 40000, dstPort: c.Port,
			})
		}
		check(json.NewEncoder(out).Encode(verdicts))
		check(out.Flush())
	}
	check(lines.Err())
}

// stored is a policy as the API server keeps it and gives it to clients: with defaults, and through protobuf, which
// knows no difference between an empty list and none.
func stored(policy networking.NetworkPolicy) networking.NetworkPolicy {
	defaults.SetObjectDefaults_NetworkPolicy(&policy)
	data, err := policy.Marshal()
	check(err)
	var result networking.NetworkPolicy
	check(result.Unmarshal(data))
	return result
}

func replace[T any](store cache.Store, items []T) {
	list := make([]any, len(items))
	for i := range items {
		list[i] = &items[i]
	}
	check(store.Replace(list, ""))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
