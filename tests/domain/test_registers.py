from domain.registers import Register


def test_a_register_has_a_key_and_so_has_each_number_in_it() -> None:
    register = Register("moj", "main", "general", 2026)
    assert register.key == "moj|main|general|2026"
    assert register.number_key("م/١٢") == "moj|main|general|2026|م/12"


def test_registers_do_not_run_into_each_other() -> None:
    parts = [("a-b", "c", "d", 1), ("a", "b-c", "d", 1), ("a", "b", "c-d", 1)]
    assert len({Register(*part).key for part in parts}) == len(parts)
