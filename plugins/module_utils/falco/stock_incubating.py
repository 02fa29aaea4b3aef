# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of Falco's incubating rules 6.0.1 (falcosecurity/rules), each with the digest of its definition."""

from __future__ import annotations

RULES = """
Adding ssh keys to authorized_keys:3543ddfc7a
BPF Program Not Profiled:9742f836cd
Backdoored library loaded into SSHD (CVE-2024-3094):bd1bf3f335
Change namespace privileges via unshare:b33f0f51da
Change thread namespace:e62128acd9
Contact EC2 Instance Metadata Service From Container:58979064ce
Contact cloud metadata service from container:51e8eb65e4
Create files below dev:92f2f9b091
DB program spawned process:6ff6c9d3d1
Delete or rename shell history:765a9900f1
Exfiltrating Artifacts via Kubernetes Control Plane:9b90fd92db
Launch Excessively Capable Container:78161fa30d
Launch Ingress Remote File Copy Tools in Container:597478840b
Launch Package Management Process in Container:9efd2d6a7d
Launch Privileged Container:51c1615c29
Launch Remote File Copy Tools in Container:948f773e23
Launch Suspicious Network Tool in Container:9d030d479a
Launch Suspicious Network Tool on Host:93512f3b5b
Modify Shell Configuration File:55f0b41a47
Mount Launched in Privileged Container:c4ce825293
Network Connection outside Local Subnet:70d691df1f
Non sudo setuid:f31b1324e8
Potential Local Privilege Escalation via Environment Variables Misuse:6d17747982
Program run with disallowed http proxy env:e2142ebe57
Read environment variable from /proc files:4b7df4ff20
Read ssh information:36b2f4bb64
Schedule Cron Jobs:f5cfc132cf
Set Setuid or Setgid bit:f1f5f03ff0
System procs network activity:30e3986c6f
Unexpected UDP Traffic:6b1a7a05c2
User mgmt binaries:90c7f463c7
"""
MACROS = """
    allowed_aws_ecr_registry_root_for_eks:4a5255af51 allowed_openshift_registry_root:c9ffe0b1d7
    allowed_ssh_proxy_env:37f9b220a8 aws_eks_core_images:43b9821364 bpf_profiled_procs:87dd1bdbaf
    calico_node:b9770a439b chage_list:146420d815 chmod:4321cfb617 container:64233bf46d
    container_entrypoint:91fb7e75ce container_started:fcad30e768 curl_download:57d0dd2705
    ec2_metadata_containers:8254ea7b8f excessively_capable_container:847830e039 exe_running_docker_save:11c5451ca9
    expected_udp_traffic:732a59e6d0 falco_privileged_containers:37cd9d5e44 glibc_tunables_env:9d46951a14
    http_proxy_procs:1bde13f2ba inbound_outbound:e7b08f3719 ingress_remote_file_copy_procs:f85fd2775e
    java_running_sdjagent:c51fe2cddc known_aks_mount_in_privileged_containers:57fffa2070
    known_eks_mount_in_privileged_containers:cad19e663f known_gke_mount_in_privileged_containers:fa4aee6198
    known_user_in_container:3287d786a5 kubelet_running_loopback:7cb7a53d5e login_doing_dns_lookup:ad2a382ae4
    modify:5d224712fb modify_shell_history:babe1f6ae8 mount_info:009c1c2029 network_local_subnet:da5c9911ba
    network_tool_procs:47b085c0d6 never_true:13f66701d7 nrpe_becoming_nagios:4c8e79f9b5 open_directory:7c61c357dc
    open_read:6cc09d0720 open_write:c6bfce774c openshift_image:827b57ec67 outbound:0906ec60d8
    package_mgmt_ancestor_procs:5f84612c8d package_mgmt_procs:fca1dee7b6 pkg_mgmt_in_kube_proxy:364f6825a0
    postgres_running_wal_e:318044f00b proc_name_exists:d9fa7672f6 rancher_agent:c4f32a275f
    rancher_network_manager:d10b0fab61 redhat_image:403b9409aa remote_file_copy_procs:c66c59fe2b remove:4f08cfc423
    rename:038eaf8ba9 run_by_google_accounts_daemon:9d5e3444d3 run_by_ms_oms:a3322f3c4f run_by_qualys:d9d9ea7fec
    run_by_sumologic_securefiles:911a480881 run_by_yum:3dde111bb0 somebody_becoming_themselves:46049bbbf4
    spawned_process:cae401cc0d system_level_side_effect_artifacts_kubectl_cp:92d69a0f7d system_procs:a35719cb17
    truncate_shell_history:2f8ae56c44 user_expected_system_procs_network_activity_conditions:ce4ce81c9d
    user_known_change_thread_namespace_activities:52beb57875 user_known_create_files_below_dev_activities:7c96216c05
    user_known_cron_jobs:88f752e6c7 user_known_db_spawned_processes:7d763bcb2b
    user_known_ingress_remote_file_copy_activities:a3b0357673 user_known_metadata_access:e83a6f2008
    user_known_mount_in_privileged_containers:4ed929339e user_known_network_tool_activities:45a85a6cdc
    user_known_non_sudo_setuid_conditions:8748b0f52a user_known_package_manager_in_container:f87774eb58
    user_known_read_ssh_information_activities:3c17714643 user_known_remote_file_copy_activities:161ae25a60
    user_known_set_setuid_or_setgid_bit_conditions:1c879f14d5 user_known_shell_config_modifiers:15cc4da609
    user_known_user_management_activities:806ac183a8 user_privileged_containers:e4164b5cd0
    user_ssh_directory:c2f45590f6 user_trusted_containers:f59506ff26 var_lib_docker_filepath:f6e5b5f5c9
    weaveworks_scope:4c1ed48f7e
"""
LISTS = """
    allowed_dev_files:5749a33c60 bash_config_filenames:0a8b20180f bash_config_files:1a5a019d35
    bpf_profiled_binaries:ea1d55bb95 coreutils_binaries:9d82485c3f cron_binaries:cdcbcd8f75
    csh_config_filenames:019e017817 csh_config_files:765cb0d76e db_server_binaries:a743323112
    deb_binaries:73dd788a95 dev_creation_binaries:0e1db11914 docker_binaries:50debd5777
    expected_udp_ports:db642d0e4e falco_containers:1e5b197669 falco_privileged_images:cdf6aacfa0
    http_proxy_binaries:fc57fe0d25 ingress_remote_file_copy_binaries:a42bd3d3b4 k8s_binaries:5610fcb63e
    known_binaries_to_read_environment_variables_from_proc_files:996389ede0 known_setuid_binaries:0628e9680d
    known_system_procs_network_activity_binaries:fe30b35c78 l2tp_udp_ports:0b1af1a7e5 login_binaries:41b8b98e4d
    lxd_binaries:bdf831fe4a mail_binaries:595080d275 namespace_scope_network_only_subnet:9d5c225a5f
    network_plugin_binaries:79f0467adf network_tool_binaries:01a4402949 nomachine_binaries:077ac08c01
    ntp_ports:285170585c openvpn_udp_ports:86323b73f5 package_mgmt_binaries:6b1202a3dd passwd_binaries:9ab03beddc
    python_package_managers:56f582bc42 redhat_io_images_privileged:62eead7c07 remote_file_copy_binaries:e99b4686aa
    rfc_1918_addresses:0fc189b995 rpm_binaries:31e7db8191 sematext_images:2e9a2e849b shadowutils_binaries:93cf825ede
    shell_binaries:f59076841e shell_config_directories:b289e9e8e7 shell_config_filenames:d8c06cc039
    shell_config_files:6fc0a1f532 ssh_binaries:7b51fcd2c4 statsd_ports:45a7786ae4 sysdigcloud_binaries:4be274b223
    test_connect_ports:fce89d9065 trusted_images:d2c2b50f1e user_known_change_thread_namespace_binaries:9cebce4c6d
    user_known_chmod_applications:1b9cdaae79 user_mgmt_binaries:6d650d2732 userexec_binaries:4ffe033090
    zsh_config_filenames:8a86c18daa
"""
