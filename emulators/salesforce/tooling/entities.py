"""Which records the Tooling API has, and with which fields.

Source: "Tooling API Objects" of the Tooling API guide. An org of this emulator has no code, no flows and no layouts:
these objects are there without rows. The ordinary API has the definitions of objects and fields too.
"""

from __future__ import annotations

import re
from functools import cache

from emulators.salesforce.schema import FieldType, ObjectType, Schema

CATALOG = frozenset({"EntityDefinition", "FieldDefinition", "EntityParticle"})  # known to the ordinary API too
SHARED = ("Organization", "User", "UserRole", "Profile", "PermissionSet", "RecordType", "Group")  # the org's own
_AUDIT = "CreatedDate:datetime CreatedById:User LastModifiedDate:datetime LastModifiedById:User"
_MANAGED = f"NamespacePrefix ManageableState {_AUDIT}"
_NAMED = f"{_MANAGED} Metadata:complex FullName"
_CODE = f"Name ApiVersion:double Status IsValid:boolean Body:textarea LengthWithoutComments:int {_NAMED}"
_FIELD = """
    DurableId QualifiedApiName EntityDefinitionId:EntityDefinition NamespacePrefix DeveloperName MasterLabel Label
    Length:int DataType ServiceDataTypeId ValueTypeId ExtraTypeInfo IsCalculated:boolean IsHighScaleNumber:boolean
    IsHtmlFormatted:boolean IsNameField:boolean IsNillable:boolean IsWorkflowFilterable:boolean
    IsCompactLayoutable:boolean Precision:int Scale:int IsFieldHistoryTracked:boolean IsApiFilterable:boolean
    IsApiSortable:boolean IsApiGroupable:boolean IsListVisible:boolean RelationshipName ReferenceTo:complex
    ReferenceTargetField IsCompound:boolean
"""
_SPECS = {
    "EntityDefinition": (
        "4ie",
        """
        DurableId LastModifiedDate:datetime LastModifiedById:User DeveloperName MasterLabel Label PluralLabel
        NamespacePrefix QualifiedApiName KeyPrefix EditDefinitionUrl EditUrl DetailUrl NewUrl HelpSettingPageName
        HelpSettingPageUrl RunningUserEntityAccessId PublisherId IsLayoutable:boolean IsCustomizable:boolean
        IsApexTriggerable:boolean IsWorkflowEnabled:boolean IsProcessEnabled:boolean IsCompactLayoutable:boolean
        IsCustomSetting:boolean IsDeprecatedAndHidden:boolean IsReplicateable:boolean IsRetrieveable:boolean
        IsSearchable:boolean IsSearchLayoutable:boolean IsIdEnabled:boolean IsTriggerable:boolean
        IsMruEnabled:boolean IsQueryable:boolean IsEverCreatable:boolean IsEverUpdatable:boolean
        IsEverDeletable:boolean IsFeedEnabled:boolean IsInterface:boolean HasSubtypes:boolean DeploymentStatus
        Description InternalSharingModel ExternalSharingModel
        """,
    ),
    "FieldDefinition": (
        "4fe",
        _FIELD
        + """
        IsIndexed:boolean IsListFilterable:boolean IsListSortable:boolean ControllingFieldDefinitionId
        LastModifiedDate:datetime LastModifiedById:User PublisherId RunningUserFieldAccessId
        IsSearchPrefilterable:boolean IsPolymorphicForeignKey:boolean Description BusinessStatus
        SecurityClassification ComplianceGroup
        """,
    ),
    "EntityParticle": (
        "4fp",
        _FIELD
        + """
        FieldDefinitionId:FieldDefinition Name IsAutonumber:boolean ByteLength:int IsCaseSensitive:boolean
        IsUnique:boolean IsCreatable:boolean IsUpdatable:boolean IsDefaultedOnCreate:boolean
        IsWriteRequiresMasterRead:boolean IsPermissionable:boolean IsEncrypted:boolean Digits:int InlineHelpText
        IsLayoutable:boolean IsDependentPicklist:boolean IsDeprecatedAndHidden:boolean
        IsDisplayLocationInDecimal:boolean DefaultValueFormula IsIdLookup:boolean IsNamePointing:boolean
        RelationshipOrder:int IsComponent:boolean
        """,
    ),
    "CustomObject": (
        "01I",
        f"DeveloperName NamespacePrefix Description ExternalName SharingModel ManageableState {_AUDIT}",
    ),
    "CustomField": (
        "00N",
        f"""
        TableEnumOrId DeveloperName Description Length:int Precision:int Scale:int RelationshipLabel SummaryOperation
        InlineHelpText MaskType MaskChar {_MANAGED} EntityDefinitionId:EntityDefinition Metadata:complex FullName
        """,
    ),
    "ValidationRule": (
        "03d",
        f"""
        ValidationName Active:boolean Description ErrorDisplayField ErrorMessage {_MANAGED}
        EntityDefinitionId:EntityDefinition Metadata:complex FullName
        """,
    ),
    "ApexClass": ("01p", f"{_CODE} SystemModstamp:datetime SymbolTable:complex"),
    "ApexTrigger": ("01q", f"{_CODE} SystemModstamp:datetime TableEnumOrId EntityDefinitionId:EntityDefinition"),
    "ApexPage": ("066", f"Name MasterLabel ApiVersion:double Markup:textarea {_NAMED}"),
    "ApexComponent": ("099", f"Name MasterLabel ApiVersion:double Markup:textarea {_NAMED}"),
    "ApexLog": (
        "07L",
        "Application DurationMilliseconds:int LogLength:int LogUserId:User Operation StartTime:datetime Status",
    ),
    "DebugLevel": ("7dl", "DeveloperName MasterLabel ApexCode Database System Validation Workflow Visualforce"),
    "TraceFlag": (
        "7tf",
        "TracedEntityId:User DebugLevelId:DebugLevel LogType StartDate:datetime ExpirationDate:datetime",
    ),
    "Flow": (
        "301",
        f"MasterLabel DefinitionId:FlowDefinition VersionNumber:int Status ProcessType Description {_NAMED}",
    ),
    "FlowDefinition": ("300", f"DeveloperName MasterLabel ActiveVersionId:Flow LatestVersionId:Flow {_NAMED}"),
    "Layout": ("00h", f"Name TableEnumOrId LayoutType EntityDefinitionId:EntityDefinition {_NAMED}"),
    "WorkflowRule": ("01Q", f"Name TableEnumOrId {_NAMED}"),
    "StaticResource": ("081", f"Name ContentType BodyLength:int {_MANAGED}"),
    "AuraDefinitionBundle": ("0Ab", f"DeveloperName MasterLabel ApiVersion:double {_MANAGED}"),
    "LightningComponentBundle": ("0Rb", f"DeveloperName MasterLabel ApiVersion:double {_MANAGED}"),
    "InstalledSubscriberPackage": ("0A3", "SubscriberPackageId SubscriberPackageVersionId"),
    "SandboxProcess": (
        "0GR",
        f"""
        SandboxName SandboxInfoId LicenseType Status CopyProgress:int SandboxOrganization SourceId Description
        EndDate:datetime Features {_AUDIT}
        """,
    ),
}
_CHILDREN = {
    ("FieldDefinition", "EntityDefinitionId"): "Fields",
    ("EntityParticle", "EntityDefinitionId"): "Particles",
    ("EntityParticle", "FieldDefinitionId"): "Particles",
    ("CustomField", "EntityDefinitionId"): "CustomFields",
    ("ValidationRule", "EntityDefinitionId"): "ValidationRules",
    ("Layout", "EntityDefinitionId"): "Layouts",
    ("ApexTrigger", "EntityDefinitionId"): "ApexTriggers",
}
_TYPES = frozenset({"int", "double", "boolean", "datetime", "textarea"})
CREATEABLE = frozenset({"CustomField", "ValidationRule"})


@cache
def entities() -> dict[str, ObjectType]:
    """All objects of the Tooling API but those of the org, by lower-case name; nobody may change them."""
    return {name.lower(): _object(name, prefix, spec) for name, (prefix, spec) in _SPECS.items()}


def schema_for(org: Schema, *, tooling: bool) -> Schema:
    """What queries see: in the Tooling API its objects and some of the org's, else the org's with definitions."""
    own = entities()
    if tooling:
        shared = {name.lower(): obj for name in SHARED if (obj := org.object(name)) is not None}
        return Schema({**own, **shared})
    return Schema({**org.objects, **{name.lower(): own[name.lower()] for name in CATALOG}})


def concerns(soql: str) -> bool:
    """Whether a query of the ordinary API asks for the definitions of objects or fields."""
    found = re.search(r"\bFROM\s+(\w+)", re.sub(r"\([^()]*\)", "", soql), re.IGNORECASE)
    return found is not None and found[1].lower() in {name.lower() for name in CATALOG}


def _object(name: str, prefix: str, spec: str) -> ObjectType:
    label = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    writable = name in CREATEABLE
    fields = [_field(name, text) for text in ("Id:id", *spec.split())]
    return ObjectType(
        name=name, label=label, label_plural=f"{label}s", key_prefix=prefix, createable=writable,
        updateable=writable, deletable=writable, replicateable=False, bulk_queryable=False,
        fields={field.name.lower(): field for field in fields},
    )  # fmt: skip


def _field(owner: str, text: str) -> FieldType:
    name, _, kind = text.partition(":")
    label = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    write = owner in CREATEABLE and name in ("FullName", "Metadata")
    if kind == "id":
        return FieldType(name, label, "id", length=18, nillable=False, createable=False, updateable=False)
    if kind == "complex":
        return FieldType(
            name, label, "complexvalue", filterable=False, sortable=False, groupable=False,
            createable=write, updateable=write,
        )  # fmt: skip
    if kind and kind not in _TYPES:
        # definitions are pointed to by their durable ids, which are no record ids
        durable = kind in CATALOG
        return FieldType(
            name, label, "string" if durable else "reference", length=255 if durable else 18, reference_to=(kind,),
            relationship_name=name.removesuffix("Id"), child_relationship=_CHILDREN.get((owner, name)),
            createable=False, updateable=False,
        )  # fmt: skip
    named = name in ("Name", "DeveloperName", "ValidationName", "QualifiedApiName")
    if kind:
        return FieldType(name, label, kind, nillable=kind != "boolean", createable=False, updateable=False)
    return FieldType(name, label, "string", length=255, name_field=named, createable=write, updateable=write)
