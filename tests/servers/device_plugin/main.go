// Copyright (c) 2026, the gpu_cluster.hardening authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// A device plugin that offers GPUs where there are none: a stand-in of NVIDIA's, over the kubelet's real socket.
// Who is given one finds the files of its devices and the names of its GPUs, as NVIDIA's plugin does by default.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	api "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

const (
	resource = "nvidia.com/gpu"
	socket   = "gpu-of-the-tests.sock"
)

var controls = []string{"/dev/nvidiactl", "/dev/nvidia-uvm"}

type plugin struct {
	api.UnimplementedDevicePluginServer
	gpus []*api.Device
}

func (p *plugin) GetDevicePluginOptions(context.Context, *api.Empty) (*api.DevicePluginOptions, error) {
	return &api.DevicePluginOptions{}, nil
}

func (p *plugin) ListAndWatch(_ *api.Empty, stream grpc.ServerStreamingServer[api.ListAndWatchResponse]) error {
	if err := stream.Send(&api.ListAndWatchResponse{Devices: p.gpus}); err != nil {
		return err
	}
	<-stream.Context().Done()
	return nil
}

func (p *plugin) Allocate(_ context.Context, request *api.AllocateRequest) (*api.AllocateResponse, error) {
	response := &api.AllocateResponse{}
	for _, container := range request.ContainerRequests {
		given := &api.ContainerAllocateResponse{
			Envs: map[string]string{"NVIDIA_VISIBLE_DEVICES": strings.Join(container.DevicesIds, ",")},
		}
		for _, path := range append([]string{"/dev/nvidia0"}, controls...) {
			given.Devices = append(given.Devices, &api.DeviceSpec{HostPath: path, ContainerPath: path, Permissions: "rw"})
		}
		response.ContainerResponses = append(response.ContainerResponses, given)
	}
	return response, nil
}

// serve offers the GPUs until the kubelet's socket is another one, as it is after each of its starts.
func serve(folder string, gpus []*api.Device) error {
	kubelet := filepath.Join(folder, "kubelet.sock")
	began, err := os.Stat(kubelet)
	if err != nil {
		return err
	}
	own := filepath.Join(folder, socket)
	_ = os.Remove(own)
	listener, err := net.Listen("unix", own)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	api.RegisterDevicePluginServer(server, &plugin{gpus: gpus})
	go func() { _ = server.Serve(listener) }()
	defer server.Stop()
	connection, err := grpc.NewClient("unix://"+kubelet, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	request := &api.RegisterRequest{Version: api.Version, Endpoint: socket, ResourceName: resource}
	if _, err := api.NewRegistrationClient(connection).Register(ctx, request); err != nil {
		return err
	}
	log.Printf("offers %d of %s", len(gpus), resource)
	for {
		time.Sleep(500 * time.Millisecond)
		if now, err := os.Stat(kubelet); err != nil || !os.SameFile(began, now) {
			return err
		}
		if _, err := os.Stat(own); err != nil { // a kubelet that starts clears the folder
			return err
		}
	}
}

func main() {
	count, folder := 2, api.DevicePluginPath
	if text := os.Getenv("GPUS"); text != "" {
		count, _ = strconv.Atoi(text)
	}
	var gpus []*api.Device
	for number := range count {
		gpus = append(gpus, &api.Device{ID: fmt.Sprintf("GPU-%d", number), Health: api.Healthy})
	}
	for {
		if err := serve(folder, gpus); err != nil {
			log.Print(err)
		}
		time.Sleep(500 * time.Millisecond)
	}
}
