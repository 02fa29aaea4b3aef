# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of Falco's stable rules 5.1.0 (falcosecurity/rules), each with the digest of its definition."""

from __future__ import annotations

RULES = """
Clear Log Activities:669fa53442
Contact K8S API Server From Container:6e247171e6
Create Hardlink Over Sensitive Files:4fcc86b418
Create Symlink Over Sensitive Files:ebff74f55d
Debugfs Launched in Privileged Container:79139d3832
Detect release_agent File Container Escapes:a01af1016b
Directory traversal monitored file read:8561f49706
Disallowed SSH Connection Non Standard Port:2ede4394c6
Drop and execute new binary in container:ffe9f295b7
Execution from /dev/shm:b38c8f8566
Fileless execution via memfd_create:0770a0d566
Find AWS Credentials:0c1876bd79
Linux Kernel Module Injection Detected:e3978a7f65
Netcat Remote Code Execution in Container:04aa9f63d1
PTRACE anti-debug attempt:d3ab0385c0
PTRACE attached to process:a367f4e9bd
Packet socket created in container:95c7a7ec39
Read sensitive file trusted after startup:9ecc9bebc2
Read sensitive file untrusted:0e1a121ba7
Redirect STDOUT/STDIN to Network Connection in Container:b3345f1b3a
Remove Bulk Data from Disk:63238b9466
Run shell untrusted:13f576ff9b
Search Private Keys or Passwords:be7afd04b1
System user interactive:a44b114d45
Terminal shell in container:2233b86269
"""
MACROS = """
    access_log_files:80d111abec allowed_clear_log_files:21b85490eb ansible_running_python:c528f60ada
    check_process_status:4ec1f86496 clear_data_procs:1f5ee64219 cmp_cp_by_passwd:df6af67275
    consul_running_alert_checks:85e60feb70 consul_running_net_scripts:9899d55098 container:64233bf46d
    container_entrypoint:91fb7e75ce containerd_activities:e542afe26b create_hardlink:509adbe33f
    create_symlink:50a987b2e7 directory_traversal:27a7d4d122 dup:aa68a8ff57 etc_dir:5be67e3ddc
    grep_commands:97f65dd7cc grep_more:2059318892 interactive:e417f9d76d k8s_api_server:868635dc47
    k8s_containers:363c3ab499 kernel_module_load:c63e307a1f known_drop_and_execute_activities:27168adc78
    known_memfd_execution_processes:2b4e4b275e known_ptrace_procs:30e54ae11b
    linux_bench_reading_etc_shadow:8b95f94a7e mandb_postinst:c2f16d88cd never_true:13f66701d7
    nginx_running_aws_s3_cp:3db83ea45a nginx_starting_nginx:1ccbc46598 open_file_failed:6bca6cd098
    open_read:6cc09d0720 open_write:c6bfce774c outbound:0906ec60d8 parent_java_running_activemq:8caaa1d757
    parent_java_running_cassandra:147fbbe52a parent_java_running_datastax:b801b80d11
    parent_java_running_elasticsearch:335987aa14 parent_java_running_glassfish:00e270a9d7
    parent_java_running_hadoop:78e613a061 parent_java_running_jboss_wildfly:0a1c7b9fec
    parent_java_running_kafka:8652ddd143 parent_java_running_zookeeper:9caf4f6251 perl_running_centrifydc:5e41c12bee
    perl_running_plesk:0414678f08 perl_running_updmap:636b391b28 possibly_node_in_container:8666f7a76a
    possibly_parent_java_running_tomcat:8eae57927d postgres_running_cnpg:91a4ca92c7
    postgres_running_wal_e:318044f00b private_aws_credentials:b71967e4c9 private_key_or_password:b7a672e561
    proc_is_new:09208c645f proc_name_exists:d9fa7672f6 protected_shell_spawner:8f051d77da
    ptrace_attach_or_injection:bc5f88bb77 python_mesos_marathon_scripting:ac0fbd0860
    rabbitmq_running_scripts:64fd027764 rabbitmqctl_running_scripts:62a3208e57
    redis_running_prepost_scripts:c2b5a8a9c9 run_by_appdynamics:e36a6d52af run_by_chef:3a486536af
    run_by_foreman:03c1d85f0a run_by_google_accounts_daemon:9d5e3444d3 run_by_package_mgmt_binaries:17b810197c
    run_by_qualys:d9d9ea7fec runuser_reading_pam:b7c32ef0b6 sensitive_files:27fe2b8c8c serf_script:cd881fdf9a
    server_procs:30cac40816 shell_procs:51ee15cd31 spawned_process:cae401cc0d splunk_running_forwarder:a86d43c384
    ssh_non_standard_ports_network:c78f54dfce system_users:18cfa72e62 trusted_logging_images:7db181ecdd
    user_expected_terminal_shell_in_container_conditions:ddf3ea999d
    user_known_contact_k8s_api_server_activities:f1acf7e1b3 user_known_read_sensitive_files_activities:29a8cfebac
    user_known_remove_data_activities:a94b59ad2c user_known_stand_streams_redirect_activities:46bc3f2318
    user_known_system_user_login:7608fe6955 user_read_sensitive_file_conditions:3bd827cd7b
    user_read_sensitive_file_containers:b629cc27e0 user_shell_container_exclusions:f8d61a7c71
    user_ssh_directory:c2f45590f6 veritas_driver_script:f7009a5f04
"""
LISTS = """
    allowed_container_images_loading_kernel_module:ff438df312 cron_binaries:cdcbcd8f75
    data_remove_commands:eef3045f1f db_server_binaries:a743323112 deb_binaries:73dd788a95 docker_binaries:50debd5777
    falco_containers:1b7c951f3f falco_no_driver_containers:815ad2592b falco_privileged_images:cdf6aacfa0
    gitlab_binaries:e73f445c48 grep_binaries:851fd70a80 hids_binaries:a488db59a8 http_server_binaries:750042ad87
    ibm_cloud_containers:b752150470 known_drop_and_execute_containers:1fa72afe62
    known_memfd_execution_binaries:27819bd7c8 known_ptrace_binaries:0389ff05bc known_shell_spawn_cmdlines:b4b4c4b41e
    log_directories:e936f782e0 log_files:96853aadf9 login_binaries:41b8b98e4d mail_binaries:595080d275
    mail_config_binaries:2718e4a2d7 mesos_shell_binaries:4c42708895 needrestart_binaries:fc0869af6a
    nomachine_binaries:077ac08c01 nosql_server_binaries:1ac56d8c5e package_mgmt_binaries:6b1202a3dd
    passwd_binaries:9ab03beddc postgres_mgmt_binaries:5649ef3cd2 protected_shell_spawning_binaries:1c7c968144
    python_package_managers:0838390f60 read_sensitive_file_binaries:34b04964ce read_sensitive_file_images:6f7d05af6b
    rfc_1918_addresses:0fc189b995 rpm_binaries:31e7db8191 sematext_images:2e9a2e849b
    sensitive_directory_names:c233d37cf7 sensitive_file_names:614e957907 shadowutils_binaries:93cf825ede
    shell_binaries:f59076841e ssh_non_standard_ports:953462e8ff sshkit_script_binaries:90dc868cf0
    trusted_images:d2c2b50f1e user_known_packet_socket_binaries:373a5f3834
    user_known_shell_spawn_binaries:cffc083ce9 user_mgmt_binaries:6d650d2732 userexec_binaries:4ffe033090
    vpn_binaries:eeeeef3581
"""
