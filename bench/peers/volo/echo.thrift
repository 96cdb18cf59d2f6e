namespace rs echo

service Echo {
    binary echo(1: required binary payload),
}
