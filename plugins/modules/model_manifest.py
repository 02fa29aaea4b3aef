#!/usr/bin/python
# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module that writes and checks the sums of the files of a model."""

from __future__ import annotations

DOCUMENTATION = r"""
module: model_manifest
short_description: Write and check the SHA-256 sums of model files
version_added: 0.1.0
description:
  - Model files are code, or are loaded by code that trusts them. This keeps the sums of all files of a folder in the
    file C(SHA256SUMS) there, in the form of C(sha256sum), so that whoever serves the model can check it with
    C(sha256sum --check --strict SHA256SUMS) and nothing else.
  - Refuses Python's pickles, which run code when they are loaded, by name and by content; also as PyTorch, joblib and
    NumPy wrap them. Nothing is ever loaded.
  - Refuses links that lead out of the folder.
author:
  - The gpu_cluster.hardening authors (@gpu-cluster)
options:
  path:
    description: Folder with the files of the model, on the host.
    type: path
    required: true
  state:
    description:
      - V(present) writes the sums of the files as they are now.
      - V(verified) changes nothing, and fails if a file is not what its sum says, is missing, or has no sum.
    type: str
    choices: [present, verified]
    default: present
  allow_pickle:
    description:
      - Patterns of files that may be pickles, relative to O(path), such as V(tokenizer/*.pkl). V(*) stands for any
        text, also with slashes.
      - Whoever made such a file can run anything as the process that loads it.
    type: list
    elements: str
    default: []
  concurrency:
    description: Most files that are read at once.
    type: int
    default: 4
notes:
  - Code that a model has in another way is not found, such as Keras Lambda layers, pickles in tar archives, or Python
    files beside the model that C(trust_remote_code) runs.
extends_documentation_fragment:
  - gpu_cluster.hardening.attributes
attributes:
  check_mode:
    description: Says what would be written, and writes nothing.
  diff_mode:
    description: Shows the lines of C(SHA256SUMS) that change.
  idempotent:
    description: A second run writes nothing.
"""

EXAMPLES = r"""
- name: Write the sums when a model is published
  gpu_cluster.hardening.model_manifest:
    path: /srv/models/fraud-detector/3

- name: Check them before it is served
  gpu_cluster.hardening.model_manifest:
    path: /srv/models/fraud-detector/3
    state: verified
"""

RETURN = r"""
sums_file:
  description: The file with the sums.
  returned: success
  type: str
  sample: /srv/models/fraud-detector/3/SHA256SUMS
files:
  description: SHA-256 of each file, by its path in the folder.
  returned: success
  type: dict
  sample:
    model.safetensors: 44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a
"""

import os
import tempfile
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, join_failures
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.module_exit import fail, succeed
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.models.checksums import (
    as_text,
    compare,
    parse_sums,
    sums_text,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.models.tree import (
    ModelTree,
    check_patterns,
    read_sums,
)

SUMS_NAME = "SHA256SUMS"
ARGUMENT_SPEC = {
    "path": {"type": "path", "required": True},
    "state": {"type": "str", "choices": ["present", "verified"], "default": "present"},
    "allow_pickle": {"type": "list", "elements": "str", "default": []},
    "concurrency": {"type": "int", "default": 4},
}


def published(tree: ModelTree, text: str | None) -> dict[str, str]:
    """What the files must be."""
    if text is None:
        raise HardeningError(f"{tree.sums_path} does not exist; write it with state=present where the model is made")
    return parse_sums(text, str(tree.sums_path))


def verify(tree: ModelTree, listed: dict[str, str], found: dict[str, str]) -> None:
    """Fail unless the files are what they must be."""
    problems = compare(listed, found).problems
    if problems:
        raise HardeningError(join_failures(f"The model in {tree.root} is not the one that was published", problems))


def write(module: AnsibleModule, tree: ModelTree, text: str) -> None:
    """Replace the file at once, so that nobody reads half of it."""
    handle, draft = tempfile.mkstemp(dir=module.tmpdir)
    with os.fdopen(handle, "wb") as stream:
        stream.write(os.fsencode(text))
    module.atomic_move(draft, str(tree.sums_path))
    module.set_mode_if_different(str(tree.sums_path), 0o644, True)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    params: dict[str, Any] = module.params
    try:
        tree = ModelTree(Path(params["path"]), SUMS_NAME, check_patterns(params["allow_pickle"]))
        before = read_sums(tree)
        # First, as to read the files can take long.
        listed = published(tree, before) if params["state"] == "verified" else {}
        found = tree.read(params["concurrency"])
        if params["state"] == "verified":
            verify(tree, listed, found)
    except HardeningError as error:
        fail(module, error)
    after = sums_text(found) if params["state"] == "present" else before or ""
    if after != before and not module.check_mode:
        write(module, tree, after)
    header = str(tree.sums_path)
    diff = {"before_header": header, "after_header": header, "before": as_text(before or ""), "after": as_text(after)}
    files = {as_text(name): digest for name, digest in found.items()}
    succeed(module, {"changed": after != before, "sums_file": header, "files": files, "diff": diff})


if __name__ == "__main__":
    main()
