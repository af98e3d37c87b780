"""The time that a device permits, and the command that prints it."""

import csv
import json
import pathlib
import re
import subprocess
import sys

import pytest
from matplotlib import image

from movinet import complexity, devices, roofline
from movinet.devices import Device
from movinet.errors import InputError
from movinet.operation_counts import Operation, Workload
from movinet.presets import PRESETS

ROOT = pathlib.Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs/scaling.md").read_text(encoding="utf-8")
DENSE = Operation("stem", "stem", multiply_adds=1000, element_wise=10, activation_bytes=40)
DEPTHWISE = Operation("a", "depthwise", multiply_adds=1000, element_wise=10, state_bytes=40)
SPLIT = Device("matrix unit", {"float32": 200.0}, 10.0, 5.0, "invented")
SHARED = Device("one unit", {"float32": 200.0}, 200.0, 5.0, "invented")


def test_dense_products_alone_are_the_work_of_a_matrix_unit():
    assert roofline.bound(DENSE, SPLIT, "float32") == (2000 / 200, 40 / 5)
    assert roofline.bound(DEPTHWISE, SPLIT, "float32") == (2010 / 10, 40 / 5)


def test_one_unit_does_both_one_after_the_other():
    assert roofline.bound(DENSE, SHARED, "float32") == (2010 / 200, 40 / 5)
    assert roofline.bound(DEPTHWISE, SHARED, "float32") == (2010 / 200, 40 / 5)


def test_records_add_up():
    small = Operation("stem", "pool", activation_bytes=50)
    (record,) = roofline.records([DENSE, small], {"d": SPLIT}, "float32", "layer")
    assert record["layer"] == "stem"
    assert record["bytes"] == 90
    assert record["d_seconds"] == 10 + 10
    assert record["d_memory_share"] == 0.5
    assert len(list(roofline.records([DENSE, small], {}, "float32", "kind"))) == 2


def test_a_device_without_a_rate_says_which_it_has():
    with pytest.raises(
        InputError, match=r"TPU v5e .* no rate for float32: choose bfloat16 or int8"
    ):
        devices.find("tpu_v5e").matrix_rate("float32")
    with pytest.raises(InputError, match="No such device: 'abacus'; choose from a100"):
        devices.find("abacus")


@pytest.mark.parametrize("device", devices.DEVICES.values(), ids=devices.DEVICES)
def test_published_rates_are_whole_and_have_a_source(device):
    assert "https://" in device.source
    rates = [device.vector, *device.matrix.values()]
    assert min(rates) > 1e10
    assert max(rates) == device.matrix["int8"]
    # A dtype of fewer bytes is at least as fast.
    assert [*device.matrix.values()] == sorted(device.matrix.values())


def test_this_machine_is_measured():
    device = devices.measure(threads=1)
    # From a slow board to a fast server.
    assert 1e9 < device.matrix["float32"] < 1e13
    assert 1e8 < device.bandwidth < 1e12


def _run(*flags):
    code = (
        "import runpy, sys\n"
        f"sys.argv = ['tools/count_operations.py', *{flags!r}]\n"
        "sys.path.insert(0, 'tools')\n"
        "try:\n"
        "    runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "except SystemExit as ended:\n"
        "    print('EXIT', ended.code or 0, 'tensorflow' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return done.stdout, done.stderr


def test_the_command_prints_and_writes_what_is_counted(tmp_path):
    table, plot = tmp_path / "counts.csv", tmp_path / "roofline.png"
    flags = ("--preset=a1_stream", "--frames=2", "--device=a100,t4", "--by=kind")
    output, error = _run(*flags, f"--output={table}", f"--plot={plot}")
    assert "EXIT 0 False" in output, error
    counted = complexity.operations(PRESETS["a1_stream"], Workload(2, 172))
    everything = next(roofline.records(counted, {}, "float32", ""))
    assert f"| all | {everything['multiply_adds'] / 1e6:,.2f} |" in output
    assert "\nNVIDIA A100" in output
    with open(table, encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert [(row["layer"], row["kind"]) for row in rows] == [
        *dict.fromkeys((o.layer, o.kind) for o in counted)
    ]
    assert sum(int(row["bytes"]) for row in rows) == everything["bytes"]
    picture = image.imread(plot)
    assert picture.shape[1] > 1500
    assert picture.std() > 0.05


def test_a_step_in_half_the_bytes_moves_about_half(tmp_path):
    moved = {}
    for dtype in ("float32", "bfloat16"):
        path = tmp_path / f"{dtype}.json"
        output, error = _run(f"--output={path}", "--training", f"--dtype={dtype}", "--frames=8")
        assert "EXIT 0" in output, error
        records = json.loads(path.read_text(encoding="utf-8"))
        moved[dtype] = sum(record["activation_bytes"] for record in records)
    assert moved["float32"] == 2 * moved["bfloat16"]


@pytest.mark.parametrize(
    ("flag", "sentence"),
    [
        (("--training", "--dtype=int8"), "Nothing trains in int8"),
        (("--output=counts.txt",), "--output must end in .csv or .json"),
        (("--device=t4", "--dtype=bfloat16"), "NVIDIA T4 has no rate for bfloat16"),
        (("--frames=0",), "--frames"),
    ],
)
def test_bad_flags_end_in_a_sentence(flag, sentence):
    output, error = _run(*flag)
    assert "EXIT 2" in output
    assert sentence in error
    assert "Traceback" not in error


def test_a_plot_without_matplotlib_says_what_to_install():
    code = (
        "import runpy, sys\n"
        "sys.modules['matplotlib'] = None\n"
        "sys.argv = ['tools/count_operations.py', '--plot=x.png']\n"
        "sys.path.insert(0, 'tools')\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert 'pip install "movinet[plot]"' in done.stderr


def test_the_guide_holds_what_its_commands_print(tmp_path):
    commands = re.findall(r"python3 tools/count_operations[^`]*", GUIDE)
    checked = 0
    for command in commands:
        flags = command.replace("\\\n", " ").split()[2:]
        if "--device=this" in flags:
            continue  # Another machine, other figures.
        kept = [flag for flag in flags if not flag.startswith("--plot=")]
        output, error = _run(*kept)
        assert "EXIT 0" in output, error
        table = [line for line in output.splitlines() if line.startswith("|")]
        assert "\n".join(table) in GUIDE, command
        checked += 1
    assert checked == 4


@pytest.mark.parametrize("name", devices.DEVICES)
def test_the_guide_names_the_sources_of_a_device(name):
    device = devices.DEVICES[name]
    (row,) = [
        line for line in GUIDE.splitlines() if line.startswith(f"| `{name}` | {device.title}")
    ]
    assert device.source in row
    assert f"| {device.bandwidth / 1e9:,.0f} |" in row
    assert all(f"{dtype} {rate / 1e12:.3g}" in row for dtype, rate in device.matrix.items())
