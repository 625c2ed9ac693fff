import subprocess
import sys

import pytest

from noren_bento.errors import NorenError
from noren_bento.release.check import Outcome
from noren_validation import check, declare


def test_outside_a_kernel_a_check_only_returns_its_verdict(capsys):
    assert check("recall", 0.93, at_least=0.9).outcome is Outcome.PASS
    assert check("recall", 0.83, at_least=0.9).outcome is Outcome.FAIL
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, 3, None])
def test_a_check_without_a_usable_name_is_refused(name):
    with pytest.raises(NorenError, match="name is a text"):
        check(name, 1, at_least=0)


def test_a_text_can_only_be_equal():
    assert check("runtime", "onnx", equals="onnx").passed
    with pytest.raises(NorenError, match="equals="):
        check("runtime", "onnx", at_least=1)


@pytest.mark.parametrize("names", [(), ("a", "a")])
def test_a_declaration_names_each_check_once(names):
    with pytest.raises(NorenError, match="once"):
        declare(*names)


def test_importing_the_package_loads_nothing_heavy():
    code = (
        "import noren_validation, noren_validation.runner, sys; "
        "heavy = {'papermill', 'nbformat', 'pandas', 'numpy', 'mistune', 'jupyter_client', 'IPython', 'sklearn'}; "
        "sys.exit(' '.join(sorted(heavy & {name.split('.')[0] for name in sys.modules})) or None)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
