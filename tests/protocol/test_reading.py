import pytest

from reprcompare.errors import ProtocolError
from reprcompare.protocol import read_protocol
from reprcompare.protocol.reading import parse_protocol
from reprcompare.shipped import shipped


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "n_inputs = 16",
            "n_input = 16",
            r"task\.two\.n_input: no key 'n_input'; did you mean 'n_in",
        ),
        ('"and"', '"nand"', r"task\.two\.features\.1: no rule 'nand'.*did you mean 'and'"),
        ('rule = "and"', 'rul = "and"', r"features\.1\.rul: no key 'rul'; did you mean 'rule'"),
        ("= 0.5", '= "fast"', r"training\.quick\.learning_rate: .*valid number.*'fast'"),
        ("= 0.5", "= 0.0", r"training\.quick: learning_rate must be above 0"),
        ('kind = "mlp"', 'kind = "mpl"', r"network\.mlp\.kind: no kind 'mpl'; did you mean 'mlp'"),
        ('kind = "mlp"\n', "", r"network\.mlp: the key 'kind' is missing"),
        (
            'training = "quick"',
            'training = "quik"',
            r"recording\.nets\.training: no training 'quik'",
        ),
        ("[task.two]", "[tasks.two]", r"no section 'tasks'; did you mean 'task'"),
        ('network = "mlp"', "", r"recording\.nets\.network: this key is missing"),
        ('task = "two"', "", r"recording\.nets: give either 'task' or 'stimuli'"),
        ('analysis = "audit"', 'analysis = "odit"', r"expect\[1\]\.analysis: no analysis 'odit'"),
        ('audit = "audit"', 'audit = "comparison"', r"no audit before it 'comparison'"),
        ('brain = "seen"', 'brain = "scene"', r"analysis 'brain'\.brain: no brain 'scene'; did"),
        (
            'models = ["nets"]',
            'models = ["net"]',
            r"\.models: no recording or brain 'net'; did you mean 'nets'",
        ),
        (
            'measure = "share"',
            'measure = "shares"',
            r"expect\[1\]\.measure: no column 'shares'.*'share'",
        ),
        (
            "measure =",
            'table = "densty"\nmeasure =',
            r"expect\[1\]\.table: no table 'densty'.*'density'",
        ),
        (
            "{ region = ",
            "{ regoin = ",
            r"expect\[1\]\.where: no column 'regoin'; did you mean 'region'",
        ),
        (
            "{ easy = 1.0",
            "{ eazy = 1.0",
            r"expect\[1\]\.contrast: no feature 'eazy'; did you mean 'easy'",
        ),
        (
            "direction =",
            'by = "complexty"\ndirection =',
            r"\.by: no column 'complexty'; did you mean 'complexity'",
        ),
        (
            'by = "feature"\n',
            'by = "featur"\n',
            r"'contrast'\.by: no column 'featur'; did you mean",
        ),
        (
            '"share ~ region',
            '"share ~ regoin',
            r"'model'\.formula: no column 'regoin'; did you mean",
        ),
        (
            '"share ~ region',
            '"share region',
            r"'model'\.formula: .*must read 'outcome ~ predictors'",
        ),
        (
            "n_bootstrap = 50",
            'metric = "corelation"',
            r"\.metric: no dissimilarity 'corelation'; did",
        ),
        (
            "n_bootstrap = 50",
            'comparator = "rho"',
            r"\.comparator: no comparator 'rho'; did you mean",
        ),
        ("n_bootstrap = 50", 'resample = "stimulus"', r"\.resample: .*'stimuli'.*got 'stimulus'"),
        ('name = "model"', 'name = "audit"', r"analysis names must be unique"),
        ('direction = "greater"', 'direction = "up"', r"expect\[1\]\.direction: .*'greater'"),
        ("[protocol]", "[protocol", r"not valid TOML.*line 2"),
        ('name = "small"', 'name = "../small"', r"protocol\.name: "),
    ],
)
def test_a_fault_is_reported_with_its_place_and_the_nearest_name(write, old, new, message):
    with pytest.raises(ProtocolError, match=message):
        read_protocol(write((old, new)))


def test_all_faults_of_a_table_are_reported_together(write):
    path = write(("n_networks = 3", 'n_networks = "many"'), ("n_per_cell = 12", "per_cell = 12"))
    with pytest.raises(ProtocolError, match=r"n_networks.*per_cell"):
        read_protocol(path)


def test_a_sweep_makes_a_cell_for_every_combination(write):
    sweep = (
        '[sweep]\n"task.two.coding" = ["0/1", "-1/1"]\n'
        '"training.quick.optimiser" = ["sgd", "adam"]\n\n'
    )
    protocol = read_protocol(write(("[task.two]", sweep + "[task.two]")))
    assert [cell.settings for cell in protocol.cells] == [
        {"coding": coding, "optimiser": optimiser}
        for coding in ("0/1", "-1/1")
        for optimiser in ("sgd", "adam")
    ]
    assert protocol.cells[3].tables["task"]["two"].coding == "-1/1"
    assert protocol.cells[3].tables["training"]["quick"].optimiser == "adam"
    zipped = read_protocol(
        write(("[task.two]", sweep.replace(']\n"', ']\nzip = true\n"', 1) + "[task.two]"))
    )
    assert [tuple(cell.settings.values()) for cell in zipped.cells] == [
        ("0/1", "sgd"),
        ("-1/1", "adam"),
    ]


def test_a_measure_is_checked_where_features_come_from_elsewhere():
    text = (shipped("protocols") / "kriegeskorte2008_mixed.toml").read_text(encoding="utf-8")
    assert 'measure = "estimate"' in text
    with pytest.raises(ProtocolError, match=r"measure: no column 'estimat'; did you mean"):
        parse_protocol(text.replace('measure = "estimate"', 'measure = "estimat"'))
    text = (shipped("protocols") / "bias_audit_it.toml").read_text(encoding="utf-8")
    with pytest.raises(ProtocolError, match=r"measure: no column 'shae'; did you mean 'share'"):
        parse_protocol(text.replace('measure = "share"', 'measure = "shae"'))


def test_a_swept_value_is_validated_in_its_place(write):
    sweep = '[sweep]\n"task.two.coding" = ["0/1", "0/2"]\n\n'
    with pytest.raises(ProtocolError, match=r"task\.two: no coding '0/2'"):
        read_protocol(write(("[task.two]", sweep + "[task.two]")))
    wrong = '[sweep]\n"task.too.coding" = ["0/1"]\n\n'
    with pytest.raises(ProtocolError, match=r"sweep: no table 'too' in task; did you mean 'two'"):
        read_protocol(write(("[task.two]", wrong + "[task.two]")))
    expected = ("{ region =", '{ coding = "1/0", region =')
    fine = sweep.replace("0/2", "-1/1")
    with pytest.raises(ProtocolError, match=r"expect\[1\]\.where\.coding: no coding '1/0'"):
        read_protocol(write(("[task.two]", fine + "[task.two]"), expected))
    scalar = '[sweep]\n"task.two.coding" = "0/1"\n\n'
    with pytest.raises(ProtocolError, match=r"must be a list of values"):
        read_protocol(write(("[task.two]", scalar + "[task.two]")))


def test_a_missing_file_lists_the_protocols_that_there_are(tmp_path):
    with pytest.raises(ProtocolError, match="no protocol file .*complexity, .*kriegeskorte2008"):
        read_protocol(tmp_path / "nothing.toml")


@pytest.mark.parametrize("file", sorted(shipped("protocols").glob("*.toml")), ids=lambda f: f.stem)
def test_every_shipped_protocol_is_valid_and_says_what_it_expects(file):
    protocol = read_protocol(file)
    assert protocol.heading.name == file.stem
    assert protocol.expectations


@pytest.mark.parametrize("file", sorted(shipped("protocols").glob("*.toml")), ids=lambda f: f.stem)
def test_what_a_shipped_protocol_compares_shares_stimuli(file):
    protocol = read_protocol(file)
    for cell in protocol.cells:
        recordings, brains = cell.tables["recording"], cell.tables["brain"]
        for analysis in protocol.analyses:
            if analysis.kind != "compare":
                continue
            seen = getattr(brains.get(analysis.brain), "recording", None)
            shown = {
                (table.task, table.evaluation_seed)
                for name in [*analysis.models, seen]
                if (table := recordings.get(name)) is not None and table.task is not None
            }
            assert len(shown) <= 1


def test_a_star_in_a_sweep_stands_for_every_table(write):
    protocol = read_protocol(
        write(
            (
                "[recording.nets]",
                "[training.other]\nlearning_rate = 0.1\n\n"
                '[sweep]\n"training.*.criterion" = [0.9, 0.99]\n\n[recording.nets]',
            )
        )
    )
    assert [cell.settings for cell in protocol.cells] == [{"criterion": 0.9}, {"criterion": 0.99}]
    for cell in protocol.cells:
        found = {table.criterion for table in cell.tables["training"].values()}
        assert found == {cell.settings["criterion"]}
