// Reads a JSON list of queries from standard input; writes, for each, null or why the parser refuses it.
const fs = require("fs");
const path = require("path");

const folder = path.join(process.argv[2], "node_modules", "@jetstreamapp", "soql-parser-js");
const { parseQuery } = require(folder);
const { version } = JSON.parse(fs.readFileSync(path.join(folder, "package.json"), "utf8"));

function refusal(query) {
  try {
    parseQuery(query);
    return null;
  } catch (error) {
    return String(error.message).split("\n")[0];
  }
}

const queries = JSON.parse(fs.readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify({ version, refusals: queries.map(refusal) }));
