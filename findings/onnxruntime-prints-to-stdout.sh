#!/usr/bin/env bash
# onnxruntime 1.32.0: a damaged model, in which a node reads a name that is not UTF-8 and that nothing
# has, with the CPU as the one provider.
#
# One would guess that InferenceSession raises an error of its own, and that a library prints nothing
# to standard output, where a command may be writing JSON.
# Seen: onnxruntime prints four lines to standard output, "EP Error ... when using
# ['CPUExecutionProvider']" and "Falling back to ['CPUExecutionProvider'] and retrying.", tries the
# same provider again, and then raises UnicodeDecodeError. enable_fallback=0 keeps it silent.
#
# Fails if that changes. Needs a package index.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6
cat >"$folder/names.py" <<'PYTHON'
import io
from contextlib import redirect_stdout

import onnxruntime
from onnx import TensorProto, helper

value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in ("image", "logits")]
node = helper.make_node("Relu", ["image"], ["logits"])
graph = helper.make_graph([node], "graph", value[:1], value[1:])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
content = model.SerializeToString().replace(b"image", b"im\xffge", 1)  # what the node reads
seen = {}
for what, wishes in (("by default", {}), ("enable_fallback=0", {"enable_fallback": 0})):
    printed = io.StringIO()
    try:
        with redirect_stdout(printed):
            onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"], **wishes)
        raised = "nothing"
    except Exception as error:
        raised = type(error).__name__
    seen[what] = (raised, len(printed.getvalue().splitlines()))
    print(f"{what}: raised {raised}, printed {printed.getvalue()!r}")
assert seen["by default"] == ("UnicodeDecodeError", 4), seen
assert seen["enable_fallback=0"] == ("UnicodeDecodeError", 0), seen
PYTHON
cd "$folder" && venv/bin/python names.py
