"""A HubSpot portal on 127.0.0.1: CRM records, search, metadata, limits and OAuth over one SQLite file.

What modules know of each other:

- every module that keeps something has `DDL`; `found(portal)` puts in what a new portal has (storage.py calls both);
- every endpoint module has `routes(router)`; handlers take (request, portal) and answer a Response or raise HubError;
- `definitions.object_type(portal, spelled) -> ObjectType | None`, with `type_id`, `name` (the plural of paths, as
  `companies`, or the schema's name), `created`, `modified` (property names), `custom`, `scope` (the word in scopes);
- `definitions.of(portal, type_id) -> dict[str, Definition]`;
- `values.stored(definition, value, portal, before) -> str | Problem` and `values.read_only(definition)`;
- `calculated.refresh(portal, type_id, record)` fills formulas of a records.Record in place, before it is kept;
- `associations.of(portal, type_id, ids, to_type) -> dict[id, tuple[Link, ...]]`; Link(to_id, category, type_id,
  label, name), `name` being v3's (`deal_to_company`); one Link a label, by to_id; ids are text;
- `associations.add(portal, from_type, from_id, to_type, to_id, types)`, types being (category, type id), none: the
  default; `associations.add_typed(portal, from_type, from_id, to_id, types)` where only the types tell what to_id is;
- writers tell `changes` what happened (`created`, `edited`, `about`, `merged`, `associating`), in their transaction;
  `changes.by(actor)` says who it was; webhook_events and journal_events have `take(portal, connection, changes)`;
- a module that runs jobs has `run(portal, job) -> result` (jobs.py);
- `associations.drop(portal, type_id, ids)` forgets the links of purged records,
  `associations.move(portal, type_id, loser, survivor)` passes them on at a merge.
"""
