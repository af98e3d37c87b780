"""Finds calls by which data could run code, leave its folder, or reach a shell.

Names are followed through imports (`from pickle import loads as read`), nothing else is: this is
for what slips in, not against someone who hides it.
"""

import ast
from collections.abc import Iterator

_SAFE_LOADERS = ("SafeLoader", "CSafeLoader", "_Loader")
_ALWAYS = {
    *("eval", "exec", "compile", "__import__"),
    *("yaml.unsafe_load", "yaml.unsafe_load_all", "yaml.full_load", "yaml.full_load_all"),
    *("pickle.load", "pickle.loads", "pickle.Unpickler", "pandas.read_pickle", "joblib.load"),
    *("cloudpickle.load", "cloudpickle.loads", "dill.load", "dill.loads", "shelve.open"),
    *("marshal.load", "marshal.loads", "shutil.unpack_archive", "tempfile.mktemp"),
    *("os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"),
    # What comes out of these has been pickled.
    *("multiprocessing.Pipe", "multiprocessing.connection.Connection", "multiprocessing.Pool"),
    *("multiprocessing.connection.Client", "multiprocessing.connection.Listener"),
    *("multiprocessing.Queue", "multiprocessing.Manager", "multiprocessing.managers.BaseManager"),
    "concurrent.futures.ProcessPoolExecutor",
    # Models that are programs.
    *("tensorflow.saved_model.load", "tf_keras.models.load_model", "keras.models.load_model"),
    *("tensorflow.keras.models.load_model", "tensorflow_hub.load"),
}
_PROCESSES = {f"subprocess.{name}" for name in ("run", "call", "check_call", "check_output")}
_PROCESSES.add("subprocess.Popen")


def find(source: str) -> set[str]:
    """The unsafe calls of a program, by their full names."""
    tree = ast.parse(source)
    imported = dict(_imported(tree))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {name for call in calls if _is_unsafe(name := _full_name(call.func, imported), call)}


def _imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """The names that imports give, and what they stand for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.asname, alias.name) for alias in node.names if alias.asname)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _full_name(function: ast.expr, imported: dict[str, str]) -> str:
    """`numpy.load` for `np.load`, `?.read` for a method of what is not a name."""
    if isinstance(function, ast.Attribute):
        return f"{_full_name(function.value, imported)}.{function.attr}"
    if isinstance(function, ast.Name):
        return imported.get(function.id, function.id)
    return "?"


def _is_unsafe(name: str, call: ast.Call) -> bool:
    settings = {keyword.arg: keyword.value for keyword in call.keywords}
    last = name.rpartition(".")[2]
    if name in ("yaml.load", "yaml.load_all"):
        loader = settings.get("Loader", call.args[1] if len(call.args) > 1 else None)
        return loader is None or ast.unparse(loader).rpartition(".")[2] not in _SAFE_LOADERS
    if name == "torch.load":
        return not _is(settings.get("weights_only"), True)
    if name == "numpy.load":
        return "allow_pickle" in settings and not _is(settings["allow_pickle"], False)
    if last in ("extractall", "extract"):
        return "." in name
    if last == "get_file":
        return any(not _is(settings.get(word, ast.Constant(False)), False) for word in _UNPACKING)
    if name in _PROCESSES:
        return "shell" in settings or (bool(call.args) and _is_text(call.args[0]))
    return name in _ALWAYS


_UNPACKING = ("extract", "untar")


def _is(value: ast.expr | None, constant: bool) -> bool:
    return isinstance(value, ast.Constant) and value.value is constant


def _is_text(value: ast.expr) -> bool:
    """Whether an expression is text for sure, of which only a shell could make words."""
    if isinstance(value, ast.BinOp):
        return _is_text(value.left) or _is_text(value.right)
    return isinstance(value, ast.JoinedStr) or (
        isinstance(value, ast.Constant) and isinstance(value.value, str)
    )
