"""What a package would do to the org, component by component, before anything is done."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass, field, replace

from emulators.salesforce import storage
from emulators.salesforce.ids import make_id
from emulators.salesforce.metadata import kept, sets
from emulators.salesforce.metadata import rules as validations
from emulators.salesforce.metadata.fields import Problem, field_of, object_of
from emulators.salesforce.metadata.xml import Package
from emulators.salesforce.org import Org
from emulators.salesforce.schema import FieldType, ObjectType, Schema
from emulators.salesforce.xml_text import BadXml, Node, parse

SUPPORTED = ("CustomObject", "CustomField", "ValidationRule", "PermissionSet")
_META = "-meta.xml"


@dataclass(slots=True)
class Component:
    """One line of the deployment's details."""

    kind: str
    name: str
    file: str
    problem: str = ""
    warning: bool = False
    line: int = 0
    column: int = 0
    created: bool = False
    changed: bool = False
    deleted: bool = False
    id: str = ""
    apply: Callable[[], None] | None = field(default=None, repr=False)

    @property
    def failed(self) -> bool:
        """Whether it keeps the deployment from succeeding."""
        return bool(self.problem) and not self.warning


class Plan:
    """Reads a package against a copy of the schema, so that later components see earlier ones."""

    def __init__(self, org: Org, package: Package) -> None:
        self.org = org
        self.package = package
        self.schema = Schema(dict(org.schema.objects))
        self.components: list[Component] = []
        self._copied: set[str] = set()
        self._seen: set[tuple[str, str]] = set()
        self._types()
        files = sorted(package.files)
        for path in files:
            if path.startswith("objects/"):
                self._object_file(path)
        for path in files:
            if path.startswith("permissionsets/"):
                self._permission_file(path)
        self._strange_files(files)
        self._missing()
        for kind in SUPPORTED[::-1]:
            for name in package.removals.get(kind, ()):
                self._removal(kind, name)

    # -- the manifest ---------------------------------------------------------------------------------------------

    def _types(self) -> None:
        for kind in self.package.members:
            if kind not in SUPPORTED:
                text = f"Unknown type name '{kind}' specified in package.xml"
                self.components.append(Component(kind, kind, "package.xml", text))

    def _listed(self, kind: str, name: str) -> bool:
        names = self.package.names(kind)
        wild = "*" in names and (kind == "PermissionSet" or (kind == "CustomObject" and name.endswith("__c")))
        return name.lower() in names or wild

    def _missing(self) -> None:
        for kind in SUPPORTED:
            for member in self.package.members.get(kind, ()):
                if member != "*" and (kind, member.lower()) not in self._seen:
                    text = (
                        f"An object '{member}' of type {kind} was named in package.xml, "
                        "but was not found in zipped directory"
                    )
                    self.components.append(Component(kind, member, "package.xml", text))

    def _strange_files(self, files: list[str]) -> None:
        for path in files:
            known = path.startswith(("objects/", "permissionsets/", "destructiveChanges")) or path == "package.xml"
            if not known:
                self.components.append(Component("", path, path, "Not in package.xml"))

    def _add(self, kind: str, name: str, path: str, node: Node | None = None) -> Component:
        component = Component(kind, name, path, line=node.line if node else 0, column=node.column if node else 0)
        if (kind, name.lower()) in self._seen:
            component.problem = f"Duplicate name specified: {name}"
        elif not self._listed(kind, name) and not self._listed("CustomObject", name.partition(".")[0]):
            component.problem = "Not in package.xml"
        self._seen.add((kind, name.lower()))
        self.components.append(component)
        return component

    def _blame(self, component: Component, problem: Problem) -> None:
        component.problem, component.line, component.column = problem.text, problem.line, problem.column

    def _parsed(self, path: str, kind: str, name: str) -> Node | None:
        try:
            return parse(self.package.files[path])
        except BadXml as bad:
            self._seen.add((kind, name.lower()))
            bad_file = Component(kind, name, path, bad.problem, line=bad.line, column=bad.column)
            self.components.append(bad_file)
            return None

    # -- objects and fields ---------------------------------------------------------------------------------------

    def _object_file(self, path: str) -> None:
        parts = path.removeprefix("objects/").split("/")
        if len(parts) == 3 and parts[1] in ("fields", "validationRules"):
            kind, suffix, act = _PARTS[parts[1]]
            name = parts[2].removesuffix(_META).removesuffix(suffix)
            root = self._parsed(path, kind, f"{parts[0]}.{name}")
            if root is not None:
                act(self, path, parts[0], root)
            return
        name = parts[-1].removesuffix(_META).removesuffix(".object")
        root = self._parsed(path, "CustomObject", name)
        if root is None:
            return
        own = name.lower().endswith("__c")
        if not self._bearers(name) or (own and root.first("label")):
            self._object(path, name, root)
        elif self._listed("CustomObject", name):
            self._add("CustomObject", name, path).id = self._id("01I", name)
        for tag, (_, _, act) in _PARTS.items():
            for node in root.all(tag):
                act(self, path, name, node)

    def _object(self, path: str, name: str, root: Node) -> None:
        component = self._add("CustomObject", name, path, root)
        if component.problem:
            return
        try:
            made = object_of(root, name, self.schema, _free_prefix(self.schema))
        except Problem as problem:
            self._blame(component, problem)
            return
        known = self.schema.object(name)
        component.created = known is None
        source = Node(root.tag, 1, 1, "", [child for child in root.children if child.tag not in _PARTS])
        component.changed = known is None or storage.object_json(known) != storage.object_json(made)
        component.changed |= kept.differs(self.org, "CustomObject", name, source)
        component.id = self._id("01I", name)
        self.schema.objects[name.lower()] = made
        self._copied.add(name.lower())
        if component.changed:
            component.apply = lambda: self._make_object(made, source)

    def _make_object(self, made: ObjectType, source: Node) -> None:
        self.org.add_object(self._fresh(made))
        kept.keep(self.org, "CustomObject", made.name, source)

    def _fresh(self, made: ObjectType) -> ObjectType:
        """The object with the fields that the org has now; planned fields follow by themselves."""
        known = self.org.schema.object(made.name)
        own = copy(made)
        base = known.fields if known else {name: f for name, f in made.fields.items() if not f.custom}
        own.fields = dict(base)
        return own

    def _bearers(self, owner: str) -> list[ObjectType]:
        names = ("Task", "Event") if owner.lower() == "activity" else (owner,)
        return [obj for obj in (self._writable(name) for name in names) if obj is not None]

    def _writable(self, name: str) -> ObjectType | None:
        """A copy of the object that planned fields may join."""
        obj = self.schema.object(name)
        if obj is not None and name.lower() not in self._copied:
            obj = copy(obj)
            obj.fields = dict(obj.fields)
            self.schema.objects[name.lower()] = obj
            self._copied.add(name.lower())
        return obj

    def _field(self, path: str, owner: str, node: Node) -> None:
        full = f"{owner}.{node.get('fullName')}"
        component = self._add("CustomField", full, path, node)
        bearers = self._bearers(owner)
        if component.problem:
            return
        standard = bearers[0].field(node.get("fullName")) if bearers else None
        if standard is not None and not standard.custom:  # what is retrieved has them; nothing of them can be changed
            return
        if not bearers:
            component.problem = f"Entity Enumeration or ID: no CustomObject named {owner} found"
            return
        try:
            made = field_of(node, bearers[0], self.schema)
        except Problem as problem:
            self._blame(component, problem)
            return
        known = bearers[0].field(made.name)
        if known is not None:
            made = replace(made, always_visible=known.always_visible)
        component.created, component.changed = known is None, known is None or not _same(known, made)
        component.changed |= kept.differs(self.org, "CustomField", full, node)
        component.id = self._id("00N", full)
        for bearer in bearers:
            bearer.fields[made.name.lower()] = made
        if component.changed:
            component.apply = lambda: self._make_field(owner, made, node)

    def _make_field(self, owner: str, made: FieldType, node: Node) -> None:
        self.org.add_custom_field(owner, made)
        kept.keep(self.org, "CustomField", f"{owner}.{made.name}", node)

    def _rule(self, path: str, owner: str, node: Node) -> None:
        full = f"{owner}.{node.get('fullName')}"
        component = self._add("ValidationRule", full, path, node)
        obj = self.schema.object(owner)
        if component.problem:
            return
        if obj is None:
            component.problem = f"Entity Enumeration or ID: no CustomObject named {owner} found"
            return
        try:
            wanted = validations.read(node, obj)
        except Problem as problem:
            self._blame(component, problem)
            return
        known = validations.kept(self.org, owner, wanted["name"])
        component.created, component.changed = known is None, known is None or {**wanted, "id": known["id"]} != known
        component.id = self._id("03d", full)
        if component.changed:
            component.apply = lambda: validations.store(self.org, self.org.object(owner), wanted)

    # -- permission sets ------------------------------------------------------------------------------------------

    def _permission_file(self, path: str) -> None:
        name = path.rpartition("/")[2].removesuffix(_META).removesuffix(".permissionset")
        root = self._parsed(path, "PermissionSet", name)
        if root is None:
            return
        component = self._add("PermissionSet", name, path, root)
        if component.problem:
            return
        try:
            wanted = sets.read(root, name, self.schema)
        except Problem as problem:
            self._blame(component, problem)
            return
        known = sets.kept(self.org, name)
        component.created, component.changed = known is None, known != wanted
        component.changed |= kept.differs(self.org, "PermissionSet", name, root)
        component.id = sets.find(self.org, name) or ""
        if component.changed:
            component.apply = lambda: self._make_set(wanted, root)

    def _make_set(self, wanted: sets.PermissionSet, root: Node) -> None:
        sets.store(self.org, wanted)
        kept.keep(self.org, "PermissionSet", wanted.name, root)

    # -- removals -------------------------------------------------------------------------------------------------

    def _removal(self, kind: str, name: str) -> None:
        component = Component(kind, name, "destructiveChanges.xml", deleted=True, changed=True)
        self.components.append(component)
        act = {
            "CustomField": self._drop_field, "CustomObject": self._drop_object, "ValidationRule": self._drop_rule,
            "PermissionSet": self._drop_set,
        }  # fmt: skip
        action = act[kind](component, name)
        if action is None and not component.problem:
            component.problem, component.warning = f"No {kind} named: {name} found", True
            component.deleted = component.changed = False
        component.apply = action

    def _drop_field(self, component: Component, name: str) -> Callable[[], None] | None:
        owner, _, short = name.partition(".")
        known = self.org.schema.object("Task" if owner.lower() == "activity" else owner)
        found = known.field(short) if known else None
        if found is None or not found.custom:
            return None

        def act() -> None:
            self.org.remove_custom_field(owner, short)
            kept.forget(self.org, "CustomField", name)
            for owning in {owner, *(("Task", "Event") if owner.lower() == "activity" else ())}:
                sets.forget_fields(self.org, f"{owning}.{short}")

        return act

    def _drop_object(self, component: Component, name: str) -> Callable[[], None] | None:
        known = self.org.schema.object(name)
        if known is None or not known.custom:
            return None

        def act() -> None:
            with self.org.transaction() as connection:
                connection.execute(f"DROP TABLE IF EXISTS {storage.table(known)}")
                connection.execute("DELETE FROM e_custom_object WHERE name = ?", (known.name,))
                connection.execute("DELETE FROM e_custom_field WHERE object = ?", (known.name,))
            self.org.schema.objects.pop(known.name.lower(), None)
            kept.forget(self.org, "CustomObject", known.name)
            sets.forget_fields(self.org, known.name)

        return act

    def _drop_rule(self, component: Component, name: str) -> Callable[[], None] | None:
        owner, _, short = name.partition(".")
        if validations.kept(self.org, owner, short) is None:
            return None
        return lambda: validations.remove(self.org, self.org.object(owner).name, short)

    def _drop_set(self, component: Component, name: str) -> Callable[[], None] | None:
        found = sets.find(self.org, name)
        if found is None:
            return None
        if sets.assigned(self.org, found):
            component.problem = (
                f"Your attempt to delete {name} could not be completed because it is associated with the following: "
                "Permission Set Assignment"
            )
            return None
        return lambda: sets.remove(self.org, found)

    def _id(self, prefix: str, name: str) -> str:
        return component_id(self.org, prefix, name)

    def changes(self) -> Iterator[Component]:
        """The components that can be carried out, in order."""
        return (component for component in self.components if not component.failed and component.apply is not None)


def component_id(org: Org, prefix: str, name: str) -> str:
    """The id of a component that is no record; the same for the same name."""
    return make_id(prefix, org.pod, zlib.crc32(name.lower().encode()))


_PARTS: dict[str, tuple[str, str, Callable[[Plan, str, str, Node], None]]] = {
    "fields": ("CustomField", ".field", Plan._field),
    "validationRules": ("ValidationRule", ".validationRule", Plan._rule),
}


def _same(known: FieldType, made: FieldType) -> bool:
    return storage.field_json(known) == storage.field_json(made)


def _free_prefix(schema: Schema) -> str:
    taken = {obj.key_prefix for obj in schema.objects.values()}
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    return next(found for one in digits for two in digits if (found := f"a{one}{two}") not in taken)
