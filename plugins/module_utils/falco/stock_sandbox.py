# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of Falco's sandbox rules 6.1.0 (falcosecurity/rules), each with the digest of its definition."""

from __future__ import annotations

RULES = """
Basic Interactive Reconnaissance:f7aa7d2f90
Container Access to Host Sensitive Paths:a27e4501a7
Container Drift Detected (chmod):e2d4f5c6a1
Container Drift Detected (open+create):7d364aa565
Container Run as Root User:cadc60b71b
Create Hidden Files or Directories:2f14e777b0
Decoding Payload in Container:58c8ead504
Detect crypto miners using the Stratum protocol:ae38d6314b
Detect outbound connections to common miner pool ports:15ea6d1b53
Interpreted procs inbound network activity:a21e6331c5
Interpreted procs outbound network activity:bc12fa8c6f
Java Process Class File Download:7d14755529
Known Cryptominer Process Executed:cb8c8d12e9
Kubernetes Client Tool Launched in Container:fd86dbd0dc
Launch Disallowed Container:5aa330c7a9
Launch Sensitive Mount Container:7668a42547
Mkdir binary dirs:18e8450505
Modify Container Entrypoint:82a5f97b56
Modify binary dirs:c208759b33
Netcat/Socat Remote Code Execution on Host:7d8fd6a2ee
Network Tool Executed During NPM Package Install:3b70d4898b
Polkit Local Privilege Escalation Vulnerability (CVE-2021-4034):8fe27874e6
Privileged Container Device Access:dcfdbc85fa
Read Shell Configuration File:296e450369
Reverse Shell from Web Server:44fedfc45f
Sudo Potential Privilege Escalation:ac332da9d3
Unexpected K8s NodePort Connection:c8a60c3b24
Unexpected inbound connection source:de38560449
Unprivileged Delegation of Page Faults Handling to a Userspace Process:272ec8fced
Update Package Repository:464f622fe4
Web Server Spawned Shell:204829898c
Web Server Spawned Suspicious Child Process:122ccd617c
Write below binary dir:d71845541d
Write below etc:5f194aec2f
Write below monitored dir:ed22a7a89c
Write below root:eee9303312
Write below rpm database:9b772b635c
"""
MACROS = """
    access_repositories:3efb7b4fb6 add_shell_writing_shells_tmp:621453be4a airflow_writing_state:666f083464
    allowed_aws_ecr_registry_root_for_eks:4a5255af51 allowed_containers:d9037a268d
    amazon_linux_running_python_yum:d260857c59 ansible_running_python:c528f60ada automount_using_mtab:45f6e2ac25
    avinetworks_supervisor_writing_ssh:8ccb9686cf aws_eks_image_sensitive_mount:bcdcdc788d
    azure_networkwatcher_writing_conf:6acdb1392b azure_scripts_writing_conf:358e5ebf6e base64_decoding:2a20d77232
    bin_dir:517907f40e bin_dir_mkdir:67daf58c0b bin_dir_rename:4978581025 brandbot_writing_os_release:598746aef0
    calico_node:b9770a439b calico_writing_conf:6411181b4a calico_writing_envvars:013f6d8d36
    calico_writing_state:c234f35719 cassandra_writing_state:e210a0935a centrify_writing_krb:b0991fbd07
    checkpoint_writing_state:2f688feac7 chef_client_writing_conf:8d8c232884 chef_writing_conf:4ecd974556
    chmod:4321cfb617 cloud_init_writing_ssh:587a054aed cockpit_writing_conf:180f1d5686
    consul_template_writing_conf:c34e9155f7 container:64233bf46d container_started:fcad30e768
    coreos_write_ssh_dir:f04c1e06e3 couchdb_writing_conf:3604eb3afc countly_writing_nginx_conf:675cf21196
    cron_start_writing_pam_env:985421ee45 curl_writing_pki_db:556124331c datadog_writing_conf:394b157b8c
    docker_procs:0be152d81e dpkg_scripting:9489c04a3f dse_writing_tmp:92229141f2
    duply_writing_exclude_files:11e59e901f etc_dir:5be67e3ddc etcd_manager_updating_dns:d36b2d27f9
    etckeeper:dc1fb58dae etckeeper_activities:8e76c0c64a exe_running_docker_save:11c5451ca9
    falco_sensitive_mount_containers:0cc68dde45 fluentd_writing_conf_files:c843c740fc
    galley_writing_state:328ab1f77f git_writing_nssdb:75ab9b273a google_accounts_daemon_writing_ssh:45961a7dda
    gugent_writing_guestagent_log:b5cbca84dc haproxy_writing_conf:4e5980eb46 htpasswd_writing_passwd:4aab5e4e12
    httpd_writing_conf_logs:5b0f9143e1 httpd_writing_ssl_conf:6a52a1713a inbound:fdfa386908
    inbound_outbound:556e9b8ea7 interpreted_procs:5ede616934 ipsec_writing_conf:36a35fae0d
    is_miner_process:e3adcf70ea iscsi_writing_conf:2de85846bc istio_writing_conf:04e802f347
    java_network_read:a5728e1258 java_running_cassandra:1c38dac3bb java_writing_conf:ac7f2f9aa5
    jboss_in_container_writing_passwd:6c309c8fd1 keepalived_writing_conf:f1761f7477
    known_container_runtime_host_access:215082b177 known_root_conditions:9819e9b446 kubectl_writing_state:2d01988f25
    liveupdate_writing_conf:83a4b09b54 lvprogs_writing_conf:e1bd4e1e3c maven_writing_groovy:cb202eb71b
    mcafee_writing_cma_d:0dfe74fbbf minerpool_http:a81d993b96 minerpool_https:ea72a6e948 minerpool_other:84432abf87
    mkdir:0f1bf61f1d mkinitramfs_writing_boot:91b032ee98 modify:5d224712fb modify_repositories:8c942ca952
    monitored_dir:d3f76f42dc ms_oms_writing_conf:6cb280399c ms_scx_writing_conf:e53a3da024
    multipath_writing_conf:608a8f811e mysql_writing_conf:6192e980c9 mysqlsh_writing_state:f6f8beec92
    net_miner_pool:b147ae291a network_tool_procs:47b085c0d6 networkmanager_writing_resolv_conf:ef6c43df0c
    never_true:13f66701d7 nginx_writing_certs:000d9dfc38 nginx_writing_conf:483cc09e47
    nodeport_containers:31fb52468b npm_package_install_ancestor:b33a6deacb open_read:6cc09d0720
    open_write:c6bfce774c openldap_writing_conf:040b27bfa0 openshift_writing_conf:54e432f3b0
    openvpn_writing_conf:25cb74516d outbound:0906ec60d8 ovsdb_writing_openvswitch:92dc1ff10e
    package_mgmt_ancestor_procs:5f84612c8d package_mgmt_procs:fca1dee7b6
    parent_supervise_running_multilog:4105f0f89d parent_ucf_writing_conf:6bf9cc0e88
    php_handlers_writing_conf:c8106b34ff pkgmgmt_progs_writing_pki:33b91a608d pki_realm_writing_realms:d7ff9e2237
    plesk_install_writing_apache_conf:e488f5e7b1 plesk_running_mktemp:7f39f8dec4 plesk_writing_keys:bc443bc28b
    proc_name_exists:d9fa7672f6 prometheus_conf_writing_conf:f1c5cb954f python_running_chef:354c8554ac
    python_running_denyhosts:9111edf21d python_running_get_pip:540cb66d95 python_running_ms_oms:3128743257
    qualys_writing_conf_files:2db809158a rabbitmq_writing_conf:02371bf461 rancher_writing_conf:fe895d3b38
    rancher_writing_root:05b878e3b1 recon_binaries_procs:ac3a9aab62 redis_writing_conf:5f0506411d remove:4f08cfc423
    rename:038eaf8ba9 rook_writing_conf:6a44ae0f0d root_dir:244a804b00 rpm_procs:3f78f90c7b
    rpm_writing_root_rpmdb:0980853470 run_by_adclient:2518755345 run_by_centrify:2758a11563 run_by_chef:3a486536af
    runc_writing_exec_fifo:d1fff9f34d runc_writing_var_lib_docker:4ac3ea6a2d sed_temporary_file:99a9804254
    sed_writing_temp_file:1dd0b89950 selinux_writing_conf:8b66d888b1 sensitive_mount:045f440719
    slapadd_writing_conf:0334ccd0a5 sosreport_writing_files:2a74e4c704 spawned_by_web_server:ca3d598984
    spawned_process:cae401cc0d sssd_writing_krb:acf6c3bc21 supervise_writing_status:0434b50446
    symantec_writing_conf:8c8240ed7b trusted_images_query_miner_domain_dns:3808952556
    ucpagent_writing_conf:b0e08e5e1a ufw_writing_conf:b9ccf19799 update_ca_trust_writing_pki:3ac28ebcb5
    update_texmf_writing_conf:6a35fa6901 user_known_container_drift_activities:1f86b02d68
    user_known_create_hidden_file_activities:dd174da110 user_known_host_path_access:f075d488a6
    user_known_k8s_client_container:03c7a788e8 user_known_k8s_client_container_parens:0c46ad82ba
    user_known_mkdir_bin_dir_activities:c768a8189b user_known_modify_bin_dir_activities:439984d892
    user_known_network_tool_in_npm_install_activities:ca7dc8f846 user_known_privileged_device_access:0f232cd5fa
    user_known_run_as_root_container:e2a5b5c7a4 user_known_update_package_registry:3b5a475377
    user_known_web_server_child_activities:a3b4ab9aff user_known_web_server_shell_activities:645f5fbe64
    user_known_write_below_binary_dir_activities:0d8fd6ef9b user_known_write_below_etc_activities:fc5b6c1af9
    user_known_write_below_root_activities:ac9cbc52b2 user_known_write_etc_conditions:841280fda1
    user_known_write_monitored_dir_conditions:1bbad92771 user_known_write_root_conditions:6a92b18760
    user_known_write_rpm_database_activities:f49bdec4da user_sensitive_mount_containers:fedf0ff411
    user_ssh_directory:c2f45590f6 user_trusted_containers:f59506ff26 userhelper_writing_etc_security:42b24f4bcc
    veritas_driver_script:f7009a5f04 veritas_progs:d32b26b583 veritas_writing_config:99289edc62
    write_etc_common:815425575a xmlcatalog_writing_files:2054515046 zap_writing_state:f568f54f74
"""
LISTS = """
    allowed_inbound_source_domains:a1af90afd8 allowed_inbound_source_ipaddrs:8c14ac56e8
    allowed_inbound_source_networks:a30cda754a bash_config_filenames:0a8b20180f bash_config_files:1a5a019d35
    csh_config_filenames:019e017817 csh_config_files:765cb0d76e deb_binaries:73dd788a95
    dev_creation_binaries:0e1db11914 dhcp_binaries:e4dc343ee8 docker_binaries:50debd5777
    exclude_hidden_directories:31fbe5bc28 falco_containers:1e5b197669 falco_sensitive_mount_images:b3e3d2b01b
    http_miner_domains:24d6471b03 https_miner_domains:9d880c9b27 interpreted_binaries:4454434e95
    k8s_client_binaries:d73802f4bc known_decode_payload_containers:a26c4f7790 known_istio_files:fecfabceea
    known_root_directories:eac4fe3803 known_root_files:fadfd74182 mail_config_binaries:2718e4a2d7
    miner_binaries:79f9efc137 miner_domains:5acb8f72c7 miner_ports:e680068b34 monitored_directories:7fd7e5b94d
    ms_oms_binaries:c5495d627b network_tool_binaries:01a4402949 node_package_managers:5a36745c2c
    nomachine_binaries:077ac08c01 openscap_rpm_binaries:eb2fad82fd package_mgmt_binaries:6b1202a3dd
    passwd_binaries:9ab03beddc plesk_binaries:389af048d5 python_package_managers:56f582bc42
    recon_binaries:1b48b0b3ce repository_directories:b8f5e00201 repository_files:9be476ffb1
    rfc_1918_addresses:0fc189b995 rpm_binaries:31e7db8191 run_as_root_image_list:572ca2a703 safe_etc_dirs:a2cd0ef79b
    shadowutils_binaries:93cf825ede shell_binaries:f59076841e shell_config_directories:b289e9e8e7
    shell_config_filenames:d8c06cc039 shell_config_files:6fc0a1f532 shell_mgmt_binaries:59e084eca2
    sshkit_script_binaries:90dc868cf0 ssl_mgmt_binaries:ec294f8b2a suspicious_web_children:31d9f96ae5
    sysdigcloud_binaries:4be274b223 trusted_images:d2c2b50f1e user_known_k8s_images:89c6781db1
    user_known_k8s_ns_kube_system_images:9fcd02cef4 user_known_userfaultfd_processes:9374a77059
    veritas_binaries:6d28752310 web_server_binaries:2b09b9a18e zsh_config_filenames:8a86c18daa
"""
