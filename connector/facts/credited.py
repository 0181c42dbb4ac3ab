"""The credits of all opportunities, as the mirror keeps them between runs."""

from __future__ import annotations

from connector.facts.sources import Tables


def was_credited(tables: Tables) -> bool:
    """Whether credit was ever computed in this mirror."""
    return bool(tables.query("SELECT 1 FROM pmom_meta WHERE key = 'credited'").num_rows)


def keep(tables: Tables, *, whole: bool = False) -> None:
    """Put the credits just computed in the place of those of the same opportunities, or of all, at once."""
    tables.run("BEGIN")
    try:
        all_of_them = "TRUE" if whole else "opportunity_id IN (SELECT opportunity_id FROM scope)"
        tables.run(f"DELETE FROM credited WHERE {all_of_them}")
        tables.run("INSERT INTO credited BY NAME SELECT * FROM credits ORDER BY partner_id, opportunity_id, role")
        tables.run("INSERT OR REPLACE INTO pmom_meta VALUES ('credited', 'yes')")
    except BaseException:
        tables.run("ROLLBACK")
        raise
    tables.run("COMMIT")
