# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connection options of every module, and the client configuration they stand for.

Authentication itself is the ``kubernetes`` package's: kubeconfig files (also several, also exec plugins), a service
account inside a cluster, tokens and client certificates.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError

try:
    import urllib3
    import yaml
    from kubernetes import client as kubernetes_client
    from kubernetes import config as kubernetes_config

    IMPORT_ERROR: str | None = None
except ImportError as missing:
    IMPORT_ERROR = str(missing)

CONNECTION_OPTIONS: dict[str, dict[str, Any]] = {
    "kubeconfig": {"type": "path"},
    "context": {"type": "str"},
    "host": {"type": "str"},
    "api_key": {"type": "str", "no_log": True},
    "ca_cert": {"type": "path"},
    "client_cert": {"type": "path"},
    "client_key": {"type": "path", "no_log": False},
    "validate_certs": {"type": "bool", "default": True},
    "request_timeout": {"type": "int", "default": 30},
    "retry_timeout": {"type": "int", "default": 60},
    "concurrency": {"type": "int", "default": 16},
}
"""Argument spec fragment; its documentation is the ``connection`` doc fragment."""


@dataclass(frozen=True)
class Limits:
    """How patient and how parallel a client is.

    Attributes:
        request_timeout: seconds one request may take.
        retry_timeout: seconds a request is repeated while the server answers 429, 5xx or not at all.
        concurrency: most requests under way at once.
    """

    request_timeout: float = 30.0
    retry_timeout: float = 60.0
    concurrency: int = 16


def limits(params: Mapping[str, Any]) -> Limits:
    """Read and check the limits in a module's parameters."""
    for name in ("request_timeout", "concurrency"):
        if params[name] < 1:
            raise HardeningError(f"{name} must be at least 1, got {params[name]}.")
    if params["retry_timeout"] < 0:
        raise HardeningError(f"retry_timeout must not be negative, got {params['retry_timeout']}.")
    return Limits(params["request_timeout"], params["retry_timeout"], params["concurrency"])


def load_configuration(params: Mapping[str, Any]) -> Any:
    """Build a ``kubernetes.client.Configuration`` from connection options.

    Sources, first match wins: ``host`` (with ``api_key`` or a client certificate), ``kubeconfig``, ``KUBECONFIG`` or
    ``~/.kube/config``, the service account of the pod this runs in. Options given beside a kubeconfig override it.

    Raises:
        HardeningError: a file is missing or malformed, the context is unknown, or there is nothing to connect to.
    """
    if IMPORT_ERROR is not None:
        raise HardeningError(
            f"The Python package kubernetes cannot be imported ({IMPORT_ERROR}). "
            "Install it for the interpreter that runs the modules: pip install kubernetes"
        )
    configuration = kubernetes_client.Configuration()
    if params.get("host"):
        configuration.host = params["host"].rstrip("/")
        if not configuration.host.startswith(("https://", "http://")):
            raise HardeningError(f"host must begin with https://, got {configuration.host}.")
    else:
        _load_from_files(configuration, params)
    _apply_overrides(configuration, params)
    # Retrying is the client's own business: it knows which requests may be repeated, and until when.
    configuration.retries = False
    configuration.connection_pool_maxsize = limits(params).concurrency
    if not configuration.verify_ssl:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    return configuration


def _load_from_files(configuration: Any, params: Mapping[str, Any]) -> None:
    path = params.get("kubeconfig") or os.environ.get("KUBECONFIG") or "~/.kube/config"
    named = bool(params.get("kubeconfig") or os.environ.get("KUBECONFIG"))
    files = [Path(entry).expanduser() for entry in path.split(os.pathsep) if entry]
    if not any(file.exists() for file in files):
        if not named and os.environ.get("KUBERNETES_SERVICE_HOST"):
            kubernetes_config.load_incluster_config(client_configuration=configuration)
            return
        wanted = f"Kubeconfig {path} does not exist" if named else "There is no kubeconfig"
        raise HardeningError(
            f"{wanted}. Set the kubeconfig option (gpu_cluster_kubeconfig in the playbook), KUBECONFIG, "
            "or host with api_key."
        )
    try:
        with _logged_errors() as errors:
            kubernetes_config.load_kube_config(
                config_file=os.pathsep.join(str(file) for file in files),
                context=params.get("context"),
                client_configuration=configuration,
            )
    except kubernetes_config.ConfigException as error:
        raise HardeningError(_explain_config_error(path, params.get("context"), files, str(error))) from error
    except yaml.YAMLError as error:
        raise HardeningError(f"Kubeconfig {path} is not YAML: {' '.join(str(error).split())}") from error
    except (OSError, TypeError, ValueError, AttributeError, KeyError) as error:
        raise HardeningError(f"Kubeconfig {path} cannot be read: {error}") from error
    if errors:
        raise HardeningError(f"Kubeconfig {path} gives no credentials: {'; '.join(errors)}")


@contextmanager
def _logged_errors() -> Iterator[list[str]]:
    """The kubernetes package only logs that an exec plugin failed, and goes on without credentials."""
    errors: list[str] = []
    handler = logging.Handler(logging.ERROR)
    handler.emit = lambda record: errors.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger().addHandler(handler)
    try:
        yield errors
    finally:
        logging.getLogger().removeHandler(handler)


def _explain_config_error(path: str, context: str | None, files: list[Path], error: str) -> str:
    message = f"Kubeconfig {path} cannot be used: {error.strip().rstrip('.')}."
    if context is None:
        return message
    try:
        contexts, _active = kubernetes_config.list_kube_config_contexts(os.pathsep.join(str(file) for file in files))
    except Exception:  # the explanation must not replace the error it explains
        return message
    known = ", ".join(sorted(entry["name"] for entry in contexts)) or "none"
    return f"{message} Asked for context {context!r}; contexts in the file: {known}."


def _apply_overrides(configuration: Any, params: Mapping[str, Any]) -> None:
    for option, attribute in (("ca_cert", "ssl_ca_cert"), ("client_cert", "cert_file"), ("client_key", "key_file")):
        if params.get(option):
            if not Path(params[option]).is_file():
                raise HardeningError(f"{option}: there is no file {params[option]}.")
            setattr(configuration, attribute, params[option])
    if params.get("api_key"):
        configuration.api_key = {"authorization": params["api_key"]}
        configuration.api_key_prefix = {"authorization": "Bearer"}
        configuration.refresh_api_key_hook = None
    if not params.get("validate_certs", True):
        configuration.verify_ssl = False
