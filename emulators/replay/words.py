"""With which words malformed requests are made for a portal and for an org."""

from __future__ import annotations

from typing import Any

from emulators.hubspot.router import Router as PortalRouter
from emulators.replay.odd import Vocabulary
from emulators.salesforce.router import Router as OrgRouter


def portal_words(router: PortalRouter, token: str) -> Vocabulary:
    """Of a portal whose records 11 to 18 may be hit."""
    routes = tuple(sorted({(route.method, route.template) for route in router.routes()}))
    objects = ("companies", "contacts", "deals", "tasks", "COMPANY", "0-3", "2-1", "quotes", "users", "nothing")
    ids = ("11", "12", "13", "14", "15", "16", "17", "18", "5")
    names = (
        "name",
        "domain",
        "dealname",
        "dealstage",
        "amount",
        "hs_timestamp",
        "hs_object_id",
        "createdate",
        "nothing",
    )
    company = {"properties": {"name": "A", "numberofemployees": "5"}, "associations": []}
    values: tuple[Any, ...] = (
        *ids,
        *names,
        *objects,
        "EQ",
        "IN",
        "BETWEEN",
        "HAS_PROPERTY",
        "CONTAINStoken",
        "ASCENDING",
        "string",
        "text",
        "enumeration",
        "number",
        "v1",
        "default",
        "appointmentscheduled",
        "USD",
        "1000",
        "2026-03-31T09:00:00Z",
    )
    bodies: tuple[tuple[str, Any], ...] = (
        ("objects/{object}", company),
        ("/merge", {"primaryObjectId": "11", "objectIdToMerge": "12"}),
        ("gdpr", {"objectId": "11", "idProperty": "email"}),
        ("/batch/", {"inputs": [company, {"id": "12", "properties": {"name": "B"}}]}),
        (
            "/batch/create",
            {"inputs": [{**company, "objectWriteTraceId": "t"}, {"properties": {}, "objectWriteTraceId": "u"}]},
        ),
        (
            "objects/{object}/batch/upsert",
            {"inputs": [{"id": "a.example", "idProperty": "domain", "properties": {"name": "B"}}]},
        ),
        (
            "objects/{object}/batch/read",
            {
                "inputs": [{"id": "11"}],
                "properties": ["name"],
                "propertiesWithHistory": ["name"],
                "idProperty": "domain",
            },
        ),
        (
            "/search",
            {
                "filterGroups": [{"filters": [{"propertyName": "name", "operator": "EQ", "value": "A"}]}],
                "limit": 10,
                "sorts": [{"propertyName": "name", "direction": "ASCENDING"}],
                "properties": ["name"],
                "after": "0",
                "query": "a",
            },
        ),
        (
            "/search",
            {
                "filterGroups": [
                    {
                        "filters": [
                            {"propertyName": "amount", "operator": "BETWEEN", "value": "1", "highValue": "9"},
                            {"propertyName": "domain", "operator": "IN", "values": ["a", "b"]},
                            {"propertyName": "associations.deal", "operator": "EQ", "value": "15"},
                        ]
                    }
                ],
                "sorts": ["name"],
            },
        ),
        ("associations", {"inputs": [{"from": {"id": "15"}, "to": {"id": "11"}, "types": [_link_type(5)]}]}),
        ("associations", {"inputs": [{"from": {"id": "15"}, "to": [{"id": "11"}]}, {"id": "11", "after": "1"}]}),
        ("PUT", [_link_type(5)]),
        ("labels", {"label": "L", "name": "l", "inverseLabel": "M", "associationTypeId": 1}),
        (
            "POST /crm/v3/objects",
            {"properties": {"dealname": "D"}, "associations": [{"to": {"id": "11"}, "types": [_link_type(5)]}]},
        ),
        (
            "properties",
            {
                "name": "p1",
                "label": "P",
                "type": "enumeration",
                "fieldType": "select",
                "groupName": "g",
                "options": [{"label": "A", "value": "a", "displayOrder": 0, "hidden": False}],
                "displayOrder": 1,
            },
        ),
        (
            "properties/{object}/batch",
            {
                "inputs": [
                    {
                        "name": "p1",
                        "label": "P",
                        "type": "string",
                        "fieldType": "text",
                        "groupName": "companyinformation",
                    }
                ],
                "archived": False,
            },
        ),
        (
            "pipelines",
            {
                "label": "Sales",
                "displayOrder": 1,
                "stages": [{"label": "S", "displayOrder": 0, "metadata": {"probability": "0.5"}}],
            },
        ),
        ("stages", {"label": "S", "displayOrder": 0, "metadata": {"probability": "0.5"}}),
        ("groups", {"name": "g", "label": "G", "displayOrder": 1}),
        (
            "schemas",
            {
                "name": "things",
                "labels": {"singular": "T", "plural": "Ts"},
                "primaryDisplayProperty": "t",
                "requiredProperties": ["t"],
                "associatedObjects": ["COMPANY"],
                "searchableProperties": ["t"],
                "properties": [{"name": "t", "label": "T", "type": "string", "fieldType": "text"}],
            },
        ),
        ("schemas", {"fromObjectTypeId": "2-1", "toObjectTypeId": "0-2", "name": "a"}),
        ("campaigns", {"properties": {"hs_name": "C", "hs_start_date": "2026-01-01"}}),
        ("campaigns/batch", {"inputs": [{"id": "11", "properties": {"hs_name": "C"}}]}),
        ("campaigns/{campaign}", {"name": "B", "amount": 5, "order": 0}),
        ("currencies", {"fromCurrencyCode": "EUR", "conversionRate": 1.1, "effectiveAt": "2026-01-01T00:00:00Z"}),
        ("oauth", {"tokenKey": token}),
        (
            "subscriptions",
            {"eventType": "company.propertyChange", "propertyName": "name", "active": True, "objectTypeId": "0-2"},
        ),
        (
            "settings",
            {"targetUrl": "https://127.0.0.1:9/x", "throttling": {"maxConcurrentRequests": 10, "period": "SECONDLY"}},
        ),
        (
            "lists",
            {
                "name": "L",
                "objectTypeId": "0-2",
                "processingType": "MANUAL",
                "filterBranch": {
                    "filterBranchType": "OR",
                    "filterBranches": [{"filterBranchType": "AND", "filters": [{"property": "name"}]}],
                },
            },
        ),
        ("lists", ["11", "12"]),
        ("lists", {"recordIdsToAdd": ["11"], "recordIdsToRemove": ["12"], "query": "L", "offset": 0}),
        (
            "exports",
            {
                "exportType": "VIEW",
                "format": "CSV",
                "exportName": "E",
                "objectType": "companies",
                "objectProperties": ["name"],
                "language": "EN",
            },
        ),
    )
    parameters = {
        "object": objects,
        "to": objects,
        "schema": (*objects, "things"),
        "id": ids,
        "to_id": ids,
        "kind": ("1", "5", "341"),
        "property": names,
        "group": ("companyinformation", "g"),
        "pipeline": ("default", "5"),
        "stage": ("closedwon", "5"),
        "owner": ("1",),
        "token": ("a-token",),
        "campaign": ("11",),
        "item": ("1",),
        "rate": ("1",),
    }
    queries = (
        "limit",
        "after",
        "properties",
        "propertiesWithHistory",
        "associations",
        "archived",
        "idProperty",
        "email",
        "name",
        "sort",
        "startDate",
        "endDate",
        "attributionModel",
        "dataSensitivity",
        "validateReferencesBeforeDelete",
    )
    raw = (b"grant_type=refresh_token&client_id=an-app&client_secret=x&refresh_token=%ff", b"grant_type=nothing")
    keys = tuple(
        sorted(_keys(bodies) | {"idProperty", "value", "highValue", "values", "filters", "hidden", "hasUniqueValue"})
    )
    return Vocabulary(routes, parameters, queries, keys, values, bodies, raw, {"authorization": f"Bearer {token}"})


def _link_type(number: int) -> dict[str, Any]:
    return {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": number}


def org_words(router: OrgRouter, hit: dict[str, str], token: str) -> Vocabulary:
    """Of an org where the records `hit` (id by object) may be hit."""
    routes = tuple(sorted({(route.method, route.template) for route in router.routes()}))
    objects = ("Account", "Account", "Contact", "Opportunity", "Task", "account", "Campaign", "Nothing__c")
    ids = (*hit.values(), hit["Account"][:15], "001000000000000AAA", "750000000000001AAA", "1")
    fields = (
        "Id",
        "Name",
        "AccountId",
        "Amount",
        "CloseDate",
        "IsDeleted",
        "LastModifiedDate",
        "BillingAddress",
        "Nothing__c",
    )
    queries_ = (
        "SELECT Id FROM Account",
        "SELECT Id, (SELECT Id FROM Contacts) FROM Account WHERE Name = 'Hit'",
        "SELECT COUNT() FROM Task",
        "SELECT",
        "SELECT Id FROM Account WHERE CreatedDate > 2026-01-01T00:00:00Z",
        "SELECT Id FROM Account WHERE Name LIKE '%' ORDER BY Name LIMIT 1 OFFSET 1",
        "(" * 3000,
        "SELECT Id FROM Account WHERE " + "(" * 500 + "Id = ''" + ")" * 500,
        "SELECT Id FROM Account WHERE Name = '\\",
        "SELECT Id FROM Nothing",
    )
    one = {"attributes": {"type": "Account"}, "Name": "A"}
    part = {"method": "GET", "url": "/services/data/v67.0/sobjects/Account", "referenceId": "a", "body": one}
    values: tuple[Any, ...] = (
        *ids,
        *objects,
        *fields,
        *queries_,
        "insert",
        "update",
        "query",
        "CSV",
        "UploadComplete",
        "Aborted",
        "2026-03-31",
    )
    bodies: tuple[tuple[str, Any], ...] = (
        ("sobjects/{object}", one),
        ("sobjects/{object}", {"Name": "B", "AnnualRevenue": 5, "NumberOfEmployees": 3}),
        (
            "sobjects/{object}",
            {"Subject": "S", "ActivityDate": "2026-03-31", "WhatId": hit["Account"], "WhoId": hit["Contact"]},
        ),
        (
            "sobjects/{object}",
            {
                "Name": "O",
                "StageName": "Prospecting",
                "CloseDate": "2026-04-30",
                "Amount": 5.5,
                "Account": {"Name": "A"},
            },
        ),
        ("composite/sobjects", {"allOrNone": True, "records": [one, one]}),
        ("composite/sobjects", {"allOrNone": False, "records": [{**one, "id": hit["Account"]}]}),
        ("composite/sobjects", {"ids": [hit["Account"]], "fields": ["Name"]}),
        (
            "/composite",
            {
                "allOrNone": True,
                "compositeRequest": [part, {**part, "referenceId": "b", "url": "/services/data/v67.0/@{a.id}"}],
            },
        ),
        (
            "/composite",
            {
                "compositeRequest": [
                    {**part, "method": "POST"},
                    {**part, "referenceId": "b", "body": {"Name": "@{a.id}", "ParentId": "@{a.x[0].y}"}},
                ]
            },
        ),
        (
            "batch",
            {"batchRequests": [{"method": "GET", "url": "v67.0/limits", "richInput": one}], "haltOnError": True},
        ),
        (
            "jobs/query",
            {"operation": "query", "query": "SELECT Id FROM Account", "contentType": "CSV", "lineEnding": "LF"},
        ),
        (
            "jobs/ingest",
            {"operation": "insert", "object": "Account", "contentType": "CSV", "columnDelimiter": "COMMA"},
        ),
        ("{job}", {"state": "UploadComplete"}),
        ("metadata", {"deployOptions": {"testLevel": "NoTestRun", "checkOnly": False}}),
        ("metadata", {"validatedDeployRequestId": "0Af000000000001AAA"}),
        ("metadata", {"deployResult": {"status": "Canceling"}}),
    )
    parameters = {
        "version": ("v67.0",) * 9 + ("v50.0", "v42.0", "v25.0", "v9.9"),
        "object": objects,
        "record": ids,
        "field": fields,
        "value": (*ids, "a/b"),
        "job": ids,
        "which": ("successfulResults", "failedResults", "unprocessedrecords"),
        "org": ("00D000000000001AAA",),
        "user": ids,
        "locator": ("01g000000000001AAA-2000", "x-1"),
        "rest": ("67.0", "67.0/00D"),
        "number": ("67.0",) * 5 + ("59.0", "64.0", "30.0", "1e9"),
        "id": ids,
    }
    queries = (
        "q",
        "fields",
        "ids",
        "allOrNone",
        "start",
        "end",
        "maxRecords",
        "locator",
        "queryLocator",
        "sObjects",
        "token",
        "oauth_token",
        "_HttpMethod",
        "explain",
        "includeDetails",
        "isPkChunkingEnabled",
        "jobType",
        "updateOnly",
    )
    raw = _envelopes(token, hit)
    forms = (
        b"grant_type=client_credentials",
        b"grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion=a.b.c",
    )
    files = (b"Name\nA\n", b'"Name","Id"\n"a,', b"Id\n" + hit["Account"].encode() + b"\n")
    keys = tuple(
        sorted(_keys(bodies) | {"Id", "OwnerId", "AccountId", "Probability", "IsDeleted", "attributes", "url"})
    )
    headers = {"authorization": f"Bearer {token}", "soapaction": '""'}
    return Vocabulary(routes, parameters, queries, keys, values, bodies, raw + forms + files, headers)


def _envelopes(token: str, hit: dict[str, str]) -> tuple[bytes, ...]:
    """SOAP calls of the Metadata API and of both WSDLs of the SOAP API."""
    account, contact, lead = hit["Account"], hit["Contact"], "00Q000000000001"
    sobject = "<sObjects><type>{}</type>{}</sObjects>"
    deep = "<Account>" * 40 + "</Account>" * 40
    metadata = (
        ("deploy", "<ZipFile>x</ZipFile>"),
        ("checkDeployStatus", "<asyncProcessId>1</asyncProcessId>"),
        ("nothing", ""),
    )
    span = "<startDate>{}</startDate><endDate>{}</endDate>"
    calls = (
        ("login", "<username>integration@emulated.example</username><password/>"),
        ("query", "<queryString>SELECT Name, (SELECT LastName FROM Contacts) FROM Account</queryString>"),
        ("queryAll", "<queryString>SELECT COUNT(Id) FROM</queryString>"),
        ("queryMore", "<queryLocator>01g000000000001AAA-9999999999999999999999</queryLocator>"),
        ("search", "<searchString>FIND {a*} RETURNING Account(Id)</searchString>"),
        ("retrieve", f"<fieldList>Id,Name,,</fieldList><sObjectType>Account</sObjectType><ids>{account}</ids><ids/>"),
        ("create", sobject.format("Account", "<Name>A</Name><AnnualRevenue>1e999</AnnualRevenue>") * 3),
        ("create", sobject.format("Contact", f"<LastName>A</LastName><AccountId>{contact}</AccountId>{deep}")),
        ("update", sobject.format("Account", f"<Id>{account}</Id><fieldsToNull>Name</fieldsToNull><Id>x</Id>")),
        ("upsert", f"<externalIDFieldName>Id</externalIDFieldName>{sobject.format('Account', '<Name>A</Name>')}"),
        ("delete", f"<ids>{contact}</ids><ids>0</ids>"),
        ("undelete", f"<ids>{contact}</ids>"),
        ("merge", f"<request><masterRecord><type>Contact</type><Id>{contact}</Id></masterRecord></request>"),
        ("convertLead", f"<leadConverts><leadId>{lead}</leadId><accountId>x</accountId></leadConverts>"),
        ("getUpdated", f"<sObjectType>Account</sObjectType>{span.format('2026-03-30T00:00:00Z', 'never')}"),
        (
            "getDeleted",
            f"<sObjectType>Account</sObjectType>{span.format('0001-01-01T00:00:00+14:00', '9999-12-31T23:59:59Z')}",
        ),
        ("describeSObjects", "<sObjectType>Account</sObjectType><sObjectType/>"),
        ("describeGlobal", ""),
        ("getUserInfo", ""),
    )
    spaces: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
        ("http://soap.sforce.com/2006/04/metadata", metadata),
        ("urn:partner.soap.sforce.com", calls),
        ("urn:enterprise.soap.sforce.com", calls[:8]),
    )
    return tuple(
        (
            '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Header>'
            f'<SessionHeader xmlns="{space}"><sessionId>{token}</sessionId></SessionHeader></soapenv:Header>'
            f'<soapenv:Body><{name} xmlns="{space}">{inner}</{name}></soapenv:Body></soapenv:Envelope>'
        ).encode()
        for space, known in spaces
        for name, inner in known
    )


def _keys(values: object) -> set[str]:
    """All keys of all objects in these values."""
    if isinstance(values, dict):
        return set(values) | {key for each in values.values() for key in _keys(each)}
    if isinstance(values, (list, tuple)):
        return {key for each in values for key in _keys(each)}
    return set()
