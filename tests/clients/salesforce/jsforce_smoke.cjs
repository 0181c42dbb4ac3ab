// jsforce as its users call it: one line a capability, an AssertionError for what is not as on an org.
'use strict';
const assert = require('node:assert/strict');
const zlib = require('node:zlib');
const jsforce = require('jsforce');

const { EMULATOR_URL: url, EMULATOR_CLIENT_ID: clientId, EMULATOR_CLIENT_SECRET: clientSecret } = process.env;
const version = '66.0';
const refused = (code) => (error) => error.errorCode === code || error.name === code || `${error.message}`.startsWith(`${code}: `) || assert.fail(`${code}: ${error}`);
const until = async (look) => {
  for (let n = 0; n < 200; n += 1) {
    const found = await look();
    if (found) return found;
    await new Promise((done) => setTimeout(done, 50));
  }
  return assert.fail('it did not come to an end');
};

/** A zip file with these names and texts, stored as they are. */
function zipped(files) {
  const [bodies, entries] = [[], []];
  let at = 0;
  for (const [name, text] of Object.entries(files)) {
    const [label, body] = [Buffer.from(name), Buffer.from(text)];
    const head = Buffer.alloc(26);
    head.writeUInt16LE(20, 0);
    head.writeUInt32LE(zlib.crc32(body), 10);
    head.writeUInt32LE(body.length, 14);
    head.writeUInt32LE(body.length, 18);
    head.writeUInt16LE(label.length, 22);
    const where = Buffer.alloc(14);
    where.writeUInt32LE(at, 10);
    bodies.push(Buffer.from('PK\x03\x04'), head, label, body);
    entries.push(Buffer.from('PK\x01\x02\x14\x00'), head, where, label);
    at += 30 + label.length + body.length;
  }
  const end = Buffer.alloc(18);
  const count = Object.keys(files).length;
  const directory = Buffer.concat(entries);
  end.writeUInt16LE(count, 4);
  end.writeUInt16LE(count, 6);
  end.writeUInt32LE(directory.length, 8);
  end.writeUInt32LE(at, 12);
  return Buffer.concat([...bodies, directory, Buffer.from('PK\x05\x06'), end]);
}

async function connect(more = {}) {
  const conn = new jsforce.Connection({ oauth2: { loginUrl: url, clientId, clientSecret }, instanceUrl: url, version, ...more });
  await conn.authorize({ grant_type: 'client_credentials' });
  return conn;
}

/** What a person does in a browser: fills in the forms of the pages until one of them leads back with a code. */
async function allow(page, username, password) {
  let answer = await fetch(page, { redirect: 'manual' });
  for (const typed of [{ username, password }, { decision: 'allow' }]) {
    const text = await answer.text();
    const hidden = [...text.matchAll(/type="hidden" name="([^"]+)" value="([^"]*)"/g)].map(([, name, value]) => [name, value.replaceAll('&amp;', '&')]);
    const action = new URL(/<form[^>]* action="([^"]+)"/.exec(text)[1], page);
    answer = await fetch(action, { method: 'POST', redirect: 'manual', body: new URLSearchParams([...hidden, ...Object.entries(typed)]) });
  }
  const back = new URL(answer.headers.get('location'));
  assert.equal(back.searchParams.get('state'), 'mine');
  return back.searchParams.get('code');
}

const capabilities = {
  async client_credentials(conn) {
    assert.equal(conn.instanceUrl, url);
    assert.equal(conn.userInfo.organizationId, process.env.EMULATOR_ORG_ID);
    const stranger = new jsforce.Connection({ instanceUrl: url, accessToken: '00D510000000001!nobody', version });
    await assert.rejects(stranger.query('SELECT Id FROM Account'), refused('INVALID_SESSION_ID'));
  },

  async identity(conn) {
    const who = await conn.identity();
    assert.equal(who.user_id, process.env.EMULATOR_USER_ID);
    assert.ok(who.username && who.urls.rest);
  },

  async query(conn) {
    const first = await conn.query('SELECT Id, Name, Owner.Name, (SELECT Id FROM Contacts) FROM Account', { headers: { 'Sforce-Query-Options': 'batchSize=200' } });
    assert.equal(first.records.length, 200);
    const second = await conn.queryMore(first.nextRecordsUrl);
    assert.equal(first.totalSize, first.records.length + second.records.length);
    assert.equal(first.records[0].attributes.type, 'Account');
    await assert.rejects(conn.query('SELECT Nothing FROM Account'), refused('INVALID_FIELD'));
    await assert.rejects(conn.query('SELEKT Id FROM Account'), refused('MALFORMED_QUERY'));
    const plan = await conn.request(`/services/data/v${version}/query?explain=${encodeURIComponent("SELECT Id FROM Account WHERE Name = 'a'")}`);
    assert.ok(plan.plans.length > 0);
  },

  async auto_fetch(conn) {
    const { totalSize } = await conn.query('SELECT COUNT() FROM Opportunity');
    assert.ok(totalSize > 2000);
    let seen = 0;
    await new Promise((done, fail) => {
      conn.query('SELECT Id FROM Opportunity').on('record', () => { seen += 1; }).on('end', done).on('error', fail).run({ autoFetch: true, maxFetch: 10000 });
    });
    assert.equal(seen, totalSize);
  },

  async find_and_select(conn) {
    const rows = await conn.sobject('Opportunity')
      .find({ Amount: { $gt: 0 }, CloseDate: { $gte: jsforce.Date.toDateLiteral('2000-01-01') }, Name: { $like: '%' } }, ['Id', 'Name', 'Account.Name', 'Amount'])
      .sort({ Amount: -1, Name: 1 }).limit(5).skip(1).execute();
    assert.equal(rows.length, 5);
    assert.ok(rows[0].Amount >= rows[4].Amount);
    const parents = await conn.sobject('Account').select('Id, Name').include('Contacts').select('Id, LastName').limit(2).end().limit(3).execute();
    assert.equal(parents.length, 3);
    const one = await conn.sobject('Account').findOne({ Id: parents[0].Id }, '*');
    assert.ok('Industry' in one);
    const counted = await conn.sobject('Opportunity').count({ Amount: { $gt: 0 } });
    assert.ok(counted > 5);
  },

  async records(conn) {
    const made = await conn.sobject('Account').create({ Name: 'It\'s "quoted" & Söhne' });
    assert.deepEqual([made.success, made.errors], [true, []]);
    const changed = await conn.sobject('Account').update({ Id: made.id, Industry: 'Banking' });
    assert.deepEqual([changed.success, changed.id], [true, made.id]);
    const row = await conn.sobject('Account').retrieve(made.id);
    assert.deepEqual([row.Name, row.Industry], ['It\'s "quoted" & Söhne', 'Banking']);
    assert.ok((await conn.sobject('Account').destroy(made.id)).success);
    await assert.rejects(conn.sobject('Account').retrieve(made.id), refused('NOT_FOUND'));
    await assert.rejects(conn.sobject('Account').create({ Industry: 'Banking' }), refused('REQUIRED_FIELD_MISSING'));
    const found = await conn.sobject('Account').find({ Industry: 'Banking', Name: 'nobody' }).update({ Industry: 'Energy' });
    assert.deepEqual(found, []);
  },

  async collections(conn) {
    const made = await conn.sobject('Contact').create([{ LastName: 'One' }, { FirstName: 'No last name' }, { LastName: 'Two' }]);
    assert.deepEqual(made.map((row) => row.success), [true, false, true]);
    assert.equal(made[1].errors[0].statusCode, 'REQUIRED_FIELD_MISSING');
    const ids = [made[0].id, made[2].id];
    const changed = await conn.sobject('Contact').update(ids.map((Id) => ({ Id, Title: 'Chief' })));
    assert.deepEqual(changed.map((row) => row.success), [true, true]);
    const rows = await conn.sobject('Contact').retrieve(ids);
    assert.deepEqual(rows.map((row) => row.Title), ['Chief', 'Chief']);
    const many = Array.from({ length: 450 }, (_, n) => ({ LastName: `Many ${n}` }));
    const all = await conn.sobject('Contact').create(many, { allowRecursive: true });
    assert.equal(all.filter((row) => row.success).length, 450);
    const gone = await conn.sobject('Contact').destroy([...ids, ...all.map((row) => row.id)], { allowRecursive: true });
    assert.equal(gone.filter((row) => row.success).length, 452);
    await assert.rejects(conn.sobject('Contact').create([{ LastName: 'One' }, { FirstName: 'No' }], { allOrNone: true })
      .then((told) => { if (told.every((row) => !row.success)) throw Object.assign(new Error('none'), { errorCode: 'NONE' }); }), refused('NONE'));
  },

  async describe(conn) {
    const global = await conn.describeGlobal();
    assert.ok(global.sobjects.some((one) => one.name === 'PartnerFundClaim'));
    const account = await conn.sobject('Account').describe();
    assert.equal(account.fields.find((field) => field.name === 'Name').type, 'string');
    assert.ok(account.childRelationships.some((one) => one.relationshipName === 'Contacts'));
    assert.equal((await conn.describe$('Account')).name, 'Account');
  },

  async limits(conn) {
    const limits = await conn.limits();
    assert.equal(limits.DailyApiRequests.Max, 100000);
    assert.ok(conn.limitInfo.apiUsage.used > 0);
  },

  async recent_and_replication(conn) {
    const { id } = await conn.sobject('Account').create({ Name: 'Looked at' });
    await conn.query(`SELECT Id FROM Account WHERE Id = '${id}' FOR VIEW`);
    const recent = await conn.recent('Account', 5);
    assert.ok(recent.some((row) => row.Id === id));
    const end = new Date(Date.now() + 120000);
    const start = new Date(Date.now() - 3600000);
    assert.ok((await conn.sobject('Account').updated(start, end)).ids.includes(id));
    await conn.sobject('Account').delete(id);
    assert.ok((await conn.sobject('Account').deleted(start, end)).deletedRecords.some((row) => row.id === id));
  },

  async metadata_deploy(conn) {
    const packed = zipped({
      'package.xml': `<?xml version="1.0" encoding="UTF-8"?><Package xmlns="http://soap.sforce.com/2006/04/metadata"><types><members>Account.Js_Key__c</members><name>CustomField</name></types><types><members>Js</members><name>PermissionSet</name></types><version>${version}</version></Package>`,
      'objects/Account.object': '<?xml version="1.0" encoding="UTF-8"?><CustomObject xmlns="http://soap.sforce.com/2006/04/metadata"><fields><fullName>Js_Key__c</fullName><label>Js key</label><type>Text</type><length>40</length><externalId>true</externalId><unique>true</unique><caseSensitive>false</caseSensitive></fields></CustomObject>',
      'permissionsets/Js.permissionset': '<?xml version="1.0" encoding="UTF-8"?><PermissionSet xmlns="http://soap.sforce.com/2006/04/metadata"><label>Js</label><fieldPermissions><field>Account.Js_Key__c</field><editable>true</editable><readable>true</readable></fieldPermissions></PermissionSet>',
    });
    const told = await conn.metadata.deploy(packed, { singlePackage: true }).complete({ details: true });
    assert.deepEqual([told.status, told.success, told.numberComponentErrors], ['Succeeded', true, 0]);
    const rest = await conn.metadata.deployRest(packed, { singlePackage: true, checkOnly: true }).complete();
    assert.deepEqual([rest.status, rest.checkOnly], ['Succeeded', true]);
    const granted = await conn.query("SELECT Id FROM PermissionSet WHERE Name = 'Js'");
    await conn.sobject('PermissionSetAssignment').create({ AssigneeId: process.env.EMULATOR_USER_ID, PermissionSetId: granted.records[0].Id });
  },

  async upsert(conn) {
    const rows = ['a/b c', 'ä?&#'].map((key) => ({ Js_Key__c: key, Name: `Keyed ${key}` }));
    const one = await conn.sobject('Account').upsert(rows[0], 'Js_Key__c');
    assert.deepEqual([one.success, one.created], [true, true]);
    const both = await conn.sobject('Account').upsert(rows, 'Js_Key__c');
    assert.deepEqual(both.map((row) => row.created), [false, true]);
    const dup = await conn.sobject('Account').create([{ Name: 'Twin', Js_Key__c: 'a/b c' }]);
    assert.equal(dup[0].errors[0].statusCode, 'DUPLICATE_VALUE');
    await assert.rejects(conn.sobject('Account').upsert({ Nothing__c: 'a', Name: 'b' }, 'Nothing__c'), refused('NOT_FOUND'));
  },

  async bulk_2(conn) {
    const input = Array.from({ length: 4 }, (_, n) => ({ LastName: `Twofold ${n}`, Title: 'a "quoted", title' }));
    const made = await conn.bulk2.loadAndWaitForResults({ object: 'Contact', operation: 'insert', input: [...input, { LastName: '', Title: 'nameless' }], pollInterval: 50, pollTimeout: 20000 });
    assert.deepEqual([made.successfulResults.length, made.failedResults.length, made.unprocessedRecords.length], [4, 1, 0]);
    assert.match(made.failedResults[0].sf__Error, /^REQUIRED_FIELD_MISSING/);
    const stream = await conn.bulk2.query("SELECT Id, Title FROM Contact WHERE LastName LIKE 'Twofold %'", { pollInterval: 50, pollTimeout: 20000 });
    const rows = await stream.toArray();
    assert.deepEqual(rows.map((row) => row.Title), Array(4).fill('a "quoted", title'));
    const keyed = [{ Js_Key__c: 'two-1', Name: 'Two' }, { Js_Key__c: 'a/b c', Name: 'Keyed, again' }];
    const job = conn.bulk2.createJob({ object: 'Account', operation: 'upsert', externalIdFieldName: 'Js_Key__c' });
    await job.open();
    await job.uploadData(keyed);
    await job.close();
    await job.poll(50, 20000);
    const told = await job.getAllResults();
    assert.deepEqual(told.successfulResults.map((row) => row.sf__Created).sort(), ['false', 'true']);
    const gone = await conn.bulk2.loadAndWaitForResults({ object: 'Contact', operation: 'delete', input: rows.map(({ Id }) => ({ Id })), pollInterval: 50, pollTimeout: 20000 });
    assert.equal(gone.successfulResults.length, 4);
    const stopped = conn.bulk2.createJob({ object: 'Contact', operation: 'insert' });
    await stopped.open();
    await stopped.abort();
    await stopped.delete();
  },

  async bulk_1(conn) {
    const load = (type, operation, options, rows) => {
      const job = conn.bulk.createJob(type, operation, options);
      const batch = job.createBatch();
      batch.execute(rows);
      return new Promise((done, fail) => {
        batch.on('queue', () => batch.poll(50, 20000)).on('error', fail).on('response', (told) => job.close().then(() => done(told), fail));
      });
    };
    const made = await load('Contact', 'insert', {}, [{ LastName: 'Once', Title: 'a' }, { LastName: 'Twice', Title: 'b\nc' }, { LastName: '', Title: 'nameless' }]);
    assert.deepEqual(made.map((row) => row.success), [true, true, false]);
    assert.match(made[2].errors[0], /^REQUIRED_FIELD_MISSING/);
    const again = await load('Account', 'upsert', { extIdField: 'Js_Key__c' }, [{ Js_Key__c: 'bulk-1', Name: 'Bulk' }]);
    assert.ok(again[0].success);
    const stream = await conn.bulk.query("SELECT Id, LastName FROM Contact WHERE LastName IN ('Once', 'Twice')");
    const rows = await stream.toArray();
    assert.deepEqual(rows.map((row) => row.LastName).sort(), ['Once', 'Twice']);
    const gone = await load('Contact', 'delete', {}, rows.map(({ Id }) => ({ Id })));
    assert.deepEqual(gone.map((row) => row.success), [true, true]);
  },

  async metadata_create(conn) {
    const field = { fullName: 'Account.Js_Called__c', label: 'Called', type: 'Text', length: 40 };
    const made = await conn.metadata.create('CustomField', field);
    assert.deepEqual([made.success, made.fullName], [true, 'Account.Js_Called__c']);
    const twice = await conn.metadata.create('CustomField', [field]);
    assert.equal(twice[0].success, false);
    const access = { fullName: 'Js_Called', label: 'Called', fieldPermissions: [{ field: 'Account.Js_Called__c', editable: true, readable: true }] };
    assert.ok((await conn.metadata.upsert('PermissionSet', access)).created);
    const table = { fullName: 'Js_Table__c', label: 'Js table', pluralLabel: 'Js tables', nameField: { type: 'Text', label: 'Name' }, deploymentStatus: 'Deployed', sharingModel: 'ReadWrite' };
    assert.ok((await conn.metadata.create('CustomObject', table)).success);
  },

  async metadata_read(conn) {
    const field = await conn.metadata.read('CustomField', 'Account.Js_Key__c');
    assert.deepEqual([field.fullName, field.label, field.externalId], ['Account.Js_Key__c', 'Js key', true]);
    const changed = await conn.metadata.update('CustomField', { ...field, label: 'Js key, changed' });
    assert.ok(changed.success);
    assert.equal((await conn.metadata.read('CustomField', 'Account.Js_Key__c')).label, 'Js key, changed');
    const listed = await conn.metadata.list([{ type: 'CustomObject' }, { type: 'PermissionSet' }], version);
    assert.ok(listed.some((one) => one.fullName === 'Js_Table__c') && listed.some((one) => one.fullName === 'Js'));
    const told = await conn.metadata.describe(version);
    assert.ok(told.metadataObjects.some((one) => one.xmlName === 'CustomObject' && one.childXmlNames.includes('CustomField')));
  },

  async metadata_retrieve(conn) {
    const asked = { apiVersion: version, singlePackage: true, unpackaged: { version, types: [{ members: ['Account.Js_Key__c'], name: 'CustomField' }, { members: ['Js'], name: 'PermissionSet' }] } };
    const told = await conn.metadata.retrieve(asked).complete();
    assert.equal(told.status, 'Succeeded');
    const names = told.fileProperties.map((one) => one.fileName).sort();
    assert.ok(names.includes('objects/Account.object') && names.includes('permissionsets/Js.permissionset'), names.join());
    assert.equal(Buffer.from(told.zipFile, 'base64').subarray(0, 2).toString(), 'PK');
  },

  async metadata_delete(conn) {
    const told = await conn.metadata.delete('CustomField', ['Account.Js_Called__c', 'Account.Never_Was__c']);
    assert.deepEqual(told.map((one) => one.success), [true, false]);
    assert.ok((await conn.metadata.delete('CustomObject', 'Js_Table__c')).success);
  },

  async soap(conn) {
    const stamp = await conn.soap.getServerTimestamp();
    assert.ok(Math.abs(new Date(stamp.timestamp).getTime() - Date.now()) < 3600000);
    assert.equal((await conn.soap.getUserInfo()).userId, process.env.EMULATOR_USER_ID);
    const [made] = await conn.soap.create([{ type: 'Account', Name: 'By SOAP' }]);
    assert.ok(made.success);
    const [changed] = await conn.soap.update([{ type: 'Account', Id: made.id, Name: 'By SOAP, again' }]);
    assert.ok(changed.success);
    const [loser] = await conn.soap.create([{ type: 'Account', Name: 'Loser' }]);
    const merged = await conn.soap.merge([{ masterRecord: { type: 'Account', Id: made.id }, recordToMergeIds: [loser.id] }]);
    assert.ok((Array.isArray(merged) ? merged[0] : merged).success);
    assert.ok((await conn.soap.emptyRecycleBin([loser.id])).length === 1);
  },

  async tooling(conn) {
    const found = await conn.tooling.query("SELECT Id, DeveloperName FROM CustomField WHERE DeveloperName = 'Js_Key'");
    assert.equal(found.records.length, 1);
    assert.ok((await conn.tooling.describeGlobal()).sobjects.some((one) => one.name === 'CustomField'));
    assert.equal((await conn.tooling.sobject('CustomField').describe()).name, 'CustomField');
    const made = await conn.tooling.sobject('CustomField').create({ FullName: 'Account.Js_Tool__c', Metadata: { type: 'Text', label: 'Tool', length: 10 } });
    assert.ok(made.success);
    assert.ok((await conn.tooling.sobject('CustomField').destroy(made.id)).success);
  },

  async search(conn) {
    await conn.sobject('Account').create({ Name: 'Jabberwockian Ltd' });
    const found = await conn.search('FIND {Jabberwockian} IN ALL FIELDS RETURNING Account(Id, Name)');
    assert.deepEqual(found.searchRecords.map((row) => row.Name), ['Jabberwockian Ltd']);
  },

  async oauth2_password(conn) {
    const mine = new jsforce.Connection({ loginUrl: url, version });
    const { username } = await conn.identity();
    await conn.request({ method: 'POST', url: `/services/data/v${version}/sobjects/User/${process.env.EMULATOR_USER_ID}/password`, body: JSON.stringify({ NewPassword: 'correct-horse-7' }), headers: { 'content-type': 'application/json' } });
    const who = await new jsforce.Connection({ loginUrl: url, version: '59.0' }).login(username, 'correct-horse-7');
    assert.equal(who.id, process.env.EMULATOR_USER_ID);
    await assert.rejects(new jsforce.Connection({ loginUrl: url, version: '59.0' }).login(username, 'wrong'), refused('INVALID_LOGIN'));
    await assert.rejects(mine.login(username, 'correct-horse-7'), /not available in the API version/);
    const other = new jsforce.Connection({ oauth2: { loginUrl: url, clientId, clientSecret }, version });
    assert.equal((await other.login(username, 'correct-horse-7')).id, process.env.EMULATOR_USER_ID);
  },

  async oauth2_web_flow(conn) {
    const { username } = await conn.identity();
    const oauth2 = new jsforce.OAuth2({ loginUrl: url, clientId, clientSecret, redirectUri: 'http://localhost:1717/OauthRedirect' });
    const page = oauth2.getAuthorizationUrl({ scope: 'api refresh_token', state: 'mine' });
    const code = await allow(page, username, 'correct-horse-7');
    const mine = new jsforce.Connection({ oauth2, version });
    await mine.authorize(code);
    assert.ok(mine.refreshToken);
    assert.equal((await mine.identity()).username, username);
    let refreshes = 0;
    const stale = new jsforce.Connection({ oauth2, version, instanceUrl: url, accessToken: '00D510000000001!stale', refreshToken: mine.refreshToken });
    stale.on('refresh', () => { refreshes += 1; });
    assert.ok((await stale.query('SELECT Id FROM Organization')).done);
    assert.equal(refreshes, 1);
    await stale.logoutByOAuth2(true);
    await assert.rejects(oauth2.refreshToken(mine.refreshToken), /expired access\/refresh token|invalid_grant/);
  },
};

async function main(wanted) {
  const conn = await connect();
  for (const name of wanted.length ? wanted : Object.keys(capabilities)) {
    await capabilities[name](conn);
    console.log(name);
  }
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
