// The Salesforce CLI as its users call it: one line a capability, an AssertionError for what is not as on an org.
'use strict';
const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const { EMULATOR_URL: url, EMULATOR_CLIENT_ID: clientId, EMULATOR_CLIENT_SECRET: clientSecret } = process.env;
const program = path.join(process.env.NODE_PATH, '@salesforce', 'cli', 'bin', 'run.js');
const project = path.join(process.env.HOME, 'project');
const quiet = {
  SF_DISABLE_TELEMETRY: 'true', SF_AUTOUPDATE_DISABLE: 'true', SF_SKIP_NEW_VERSION_CHECK: 'true',
  SF_USE_GENERIC_UNIX_KEYCHAIN: 'true', SF_TARGET_ORG: 'emulated', SF_ORG_API_VERSION: '66.0',
};

/** What `sf <words> --json` printed: `result` when it ends with 0, the whole document otherwise. */
function sf(words, more = {}) {
  return new Promise((done, fail) => {
    const options = { cwd: project, env: { ...process.env, ...quiet, ...more }, maxBuffer: 1 << 28 };
    execFile(process.execPath, ['--no-deprecation', program, ...words, '--json'], options, (error, out, err) => {
      let told;
      try {
        told = JSON.parse(out);
      } catch {
        fail(new Error(`sf ${words.join(' ')}: ${out}${err}`));
        return;
      }
      if (told.status === 0) done(told.result);
      else fail(Object.assign(new Error(`sf ${words.join(' ')}: ${told.message}`), { told }));
    });
  });
}

const file = (name, text) => {
  const target = path.join(project, name);
  fs.mkdirSync(path.dirname(target), { recursive: true });
  fs.writeFileSync(target, text);
  return target;
};
const meta = (type, inner) => `<?xml version="1.0" encoding="UTF-8"?>\n<${type} xmlns="http://soap.sforce.com/2006/04/metadata">${inner}</${type}>\n`;

const capabilities = {
  async org_login_access_token() {
    const form = new URLSearchParams({ grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret });
    const { access_token: token } = await (await fetch(`${url}/services/oauth2/token`, { method: 'POST', body: form })).json();
    const told = await sf(['org', 'login', 'access-token', '--instance-url', url, '--alias', 'emulated', '--set-default', '--no-prompt'], { SF_ACCESS_TOKEN: token });
    assert.equal(told.orgId, process.env.EMULATOR_ORG_ID);
  },

  async org_display() {
    const told = await sf(['org', 'display']);
    assert.deepEqual([told.id, told.instanceUrl.replace(/\/$/, ''), told.connectedStatus], [process.env.EMULATOR_ORG_ID, url, 'Connected']);
  },

  async data_query() {
    const told = await sf(['data', 'query', '--query', 'SELECT Id, Name, Owner.Name FROM Account ORDER BY Name LIMIT 3']);
    assert.equal(told.records.length, 3);
    const refused = await sf(['data', 'query', '--query', 'SELECT Nothing FROM Account']).catch((error) => error);
    assert.match(refused.message, /No such column 'Nothing' on entity 'Account'/);
  },

  async data_records() {
    const { id } = await sf(['data', 'create', 'record', '--sobject', 'Account', '--values', "Name='By the CLI' NumberOfEmployees=7"]);
    await sf(['data', 'update', 'record', '--sobject', 'Account', '--where', "Name='By the CLI'", '--values', "Industry='Banking'"]);
    const row = await sf(['data', 'get', 'record', '--sobject', 'Account', '--record-id', id]);
    assert.deepEqual([row.Name, row.Industry, row.NumberOfEmployees], ['By the CLI', 'Banking', 7]);
    await sf(['data', 'delete', 'record', '--sobject', 'Account', '--record-id', id]);
    const refused = await sf(['data', 'get', 'record', '--sobject', 'Account', '--record-id', id]).catch((error) => error);
    assert.match(refused.message, /The requested resource does not exist/);
  },

  async data_tree() {
    const rows = [{ attributes: { type: 'Account', referenceId: 'A1' }, Name: 'Treetop', Contacts: { records: [{ attributes: { type: 'Contact', referenceId: 'C1' }, LastName: 'Leaf' }] } }];
    const told = await sf(['data', 'import', 'tree', '--files', file('tree.json', JSON.stringify({ records: rows }))]);
    assert.deepEqual(told.map((row) => row.type).sort(), ['Account', 'Contact']);
    await sf(['data', 'export', 'tree', '--query', "SELECT Name, (SELECT LastName FROM Contacts) FROM Account WHERE Name = 'Treetop'", '--output-dir', project]);
    const written = JSON.parse(fs.readFileSync(path.join(project, 'Account-Contact.json'), 'utf8'));
    assert.equal(written.records[0].Contacts.records[0].LastName, 'Leaf');
  },

  async project_deploy() {
    file('sfdx-project.json', JSON.stringify({ packageDirectories: [{ path: 'force-app', default: true }], sourceApiVersion: '66.0' }));
    const main = 'force-app/main/default';
    file(`${main}/objects/Account/fields/Cli_Key__c.field-meta.xml`, meta('CustomField', '<fullName>Cli_Key__c</fullName><externalId>true</externalId><label>Cli key</label><length>40</length><type>Text</type><unique>false</unique>'));
    file(`${main}/permissionsets/Cli.permissionset-meta.xml`, meta('PermissionSet', '<fieldPermissions><editable>true</editable><field>Account.Cli_Key__c</field><readable>true</readable></fieldPermissions><hasActivationRequired>false</hasActivationRequired><label>Cli</label>'));
    const told = await sf(['project', 'deploy', 'start', '--source-dir', 'force-app', '--wait', '5']);
    assert.deepEqual([told.status, told.numberComponentsDeployed], ['Succeeded', 2]);
    const rest = await sf(['project', 'deploy', 'start', '--source-dir', 'force-app', '--dry-run', '--wait', '5'], { SF_ORG_METADATA_REST_DEPLOY: 'true' });
    assert.deepEqual([rest.status, rest.checkOnly], ['Succeeded', true]);
  },

  async org_assign_permset() {
    const told = await sf(['org', 'assign', 'permset', '--name', 'Cli']);
    assert.deepEqual([told.successes.length, told.failures.length], [1, 0]);
  },

  async sobject_describe() {
    const told = await sf(['sobject', 'describe', '--sobject', 'Account']);
    assert.ok(told.fields.some((field) => field.name === 'Cli_Key__c' && field.externalId));
  },

  async sobject_list() {
    assert.ok((await sf(['sobject', 'list', '--sobject', 'all'])).includes('PartnerFundClaim'));
  },

  async org_list_limits() {
    assert.ok((await sf(['org', 'list', 'limits'])).some((limit) => limit.name === 'DailyApiRequests' && limit.max === 100000));
  },

  async data_bulk() {
    const rows = Array.from({ length: 30 }, (_, n) => `cli-${n},Bulk ${n}`);
    const csv = file('accounts.csv', `Cli_Key__c,Name\n${rows.join('\n')}\n`);
    const out = path.join(project, 'out.csv');
    const exported = sf(['data', 'export', 'bulk', '--query', 'SELECT Id, StageName FROM Opportunity', '--output-file', out, '--wait', '5']);
    const made = await sf(['data', 'import', 'bulk', '--sobject', 'Account', '--file', csv, '--wait', '5', '--line-ending', 'LF']);
    assert.deepEqual([made.processedRecords, made.successfulRecords, made.failedRecords], [30, 30, 0]);
    const again = await sf(['data', 'upsert', 'bulk', '--sobject', 'Account', '--file', csv, '--external-id', 'Cli_Key__c', '--wait', '5', '--line-ending', 'LF']);
    assert.equal(again.jobInfo ? again.jobInfo.numberRecordsProcessed : again.processedRecords, 30);
    await exported;
    assert.ok(fs.readFileSync(out, 'utf8').split('\n').length > 2000);
  },

  async project_retrieve() {
    const told = await sf(['project', 'retrieve', 'start', '--metadata', 'CustomField:Account.Cli_Key__c', '--metadata', 'PermissionSet:Cli', '--wait', '5']);
    assert.ok(told.success);
    assert.deepEqual(told.files.map((one) => one.fullName).sort(), ['Account.Cli_Key__c', 'Cli']);
  },

  async api_request_rest() {
    const out = path.join(project, 'limits.json');
    await new Promise((done, fail) => {
      const words = [program, 'api', 'request', 'rest', 'services/data/v66.0/limits', '--stream-to-file', out];
      execFile(process.execPath, words, { cwd: project, env: { ...process.env, ...quiet } }, (error) => (error ? fail(error) : done()));
    });
    assert.ok('DailyApiRequests' in JSON.parse(fs.readFileSync(out, 'utf8')));
  },

  async org_list_metadata() {
    assert.ok((await sf(['org', 'list', 'metadata', '--metadata-type', 'PermissionSet'])).some((one) => one.fullName === 'Cli'));
    assert.ok((await sf(['org', 'list', 'metadata-types'])).metadataObjects.some((one) => one.xmlName === 'CustomObject'));
  },
};

/** One after the other; bulk jobs, of which the command line asks every five seconds, beside the rest. */
async function main(wanted) {
  fs.mkdirSync(project, { recursive: true });
  const run = async (name) => {
    await capabilities[name]();
    console.log(name);
  };
  let beside;
  for (const name of wanted.length ? wanted : Object.keys(capabilities)) {
    if (name === 'data_bulk') beside = run(name);
    else await run(name);
  }
  await beside;
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error, error.told);
  process.exitCode = 1;
});
