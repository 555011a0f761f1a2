// The peer: @neo4j/graphql over the same data and the same server.
//
//   node peer.mjs import FILE [BATCH]   create mutations; prints seconds as JSON
//   node peer.mjs serve                 GraphQL over HTTP; prints its address
//   node peer.mjs wipe                  empties the database
//
// NEO4J_URI and NEO4J_PASSWORD say where. The server around graphql-js is the
// least that HTTP needs, so that what is measured is the library.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { Neo4jGraphQL } from "@neo4j/graphql";
import { execute, graphql, parse, validate } from "graphql";
import neo4j from "neo4j-driver";

const typeDefs = `#graphql
  type Term @node {
    id: ID!
    name: String!
    kind: String!
    laterality: String
    definition: String
    synonyms: [String!]
    synonymScopes: [String!]
    xrefs: [String!]
    isA: [Term!]! @relationship(type: "IS_A", direction: OUT)
    partOf: [Term!]! @relationship(type: "PART_OF", direction: OUT)
    locatedIn: [Term!]! @relationship(type: "LOCATED_IN", direction: OUT)
    parts: [Term!]! @relationship(type: "PART_OF", direction: IN)
  }
`;

const driver = neo4j.driver(process.env.NEO4J_URI, neo4j.auth.basic("neo4j", process.env.NEO4J_PASSWORD));
const schema = await new Neo4jGraphQL({ typeDefs, driver }).getSchema();
const contextValue = { executionContext: driver };

async function cypher(text) {
  const session = driver.session();
  try {
    return (await session.run(text)).records;
  } finally {
    await session.close();
  }
}

async function importFile(file, batch) {
  const { terms } = JSON.parse(readFileSync(file, "utf8")); // parents first
  await cypher("CREATE CONSTRAINT term_id IF NOT EXISTS FOR (t:Term) REQUIRE t.id IS UNIQUE");
  await cypher("CALL db.awaitIndexes(60)");
  const connect = (ids) => (ids ? { connect: ids.map((id) => ({ where: { node: { id: { eq: id } } } })) } : undefined);
  const source = `mutation ($input: [TermCreateInput!]!) { createTerms(input: $input) { info { nodesCreated relationshipsCreated } } }`;
  // Nodes of one batch cannot name each other, so a batch ends before a term
  // that needs one of its own.
  let batches = [];
  let inBatch = new Set();
  for (const t of terms) {
    const parents = [...(t.isA ?? []), ...(t.partOf ?? []), ...(t.locatedIn ?? [])];
    if (batches.length === 0 || inBatch.size === batch || parents.some((p) => inBatch.has(p))) {
      batches.push([]);
      inBatch = new Set();
    }
    inBatch.add(t.id);
    batches.at(-1).push({ ...t, isA: connect(t.isA), partOf: connect(t.partOf), locatedIn: connect(t.locatedIn) });
  }
  let nodes = 0;
  let relationships = 0;
  const began = performance.now();
  for (const [i, input] of batches.entries()) {
    const result = await graphql({ schema, source, variableValues: { input }, contextValue });
    if (result.errors) throw result.errors[0];
    nodes += result.data.createTerms.info.nodesCreated;
    relationships += result.data.createTerms.info.relationshipsCreated;
    if (i % 20 === 0) console.error(`peer: ${nodes} of ${terms.length} terms after ${((performance.now() - began) / 1000).toFixed(0)} s`);
  }
  const seconds = (performance.now() - began) / 1000;
  const [record] = await cypher("MATCH (t:Term) WITH count(t) AS n MATCH ()-[r]->() RETURN n, count(r) AS r");
  console.log(JSON.stringify({ seconds, nodes: record.get("n").toNumber(), relations: record.get("r").toNumber(), batches: batches.length }));
}

function serve() {
  const documents = new Map(); // parsed and validated once, as servers do
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const { query, variables } = JSON.parse(body);
    if (!documents.has(query)) {
      const document = parse(query);
      const errors = validate(schema, document);
      if (errors.length > 0) throw errors[0];
      documents.set(query, document);
    }
    const result = await execute({ schema, document: documents.get(query), variableValues: variables, contextValue });
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify(result));
  });
  server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/graphql`));
}

const [what, file, batch] = process.argv.slice(2);
switch (what) {
  case "import":
    await importFile(file, Number(batch ?? 100));
    await driver.close();
    break;
  case "wipe":
    await cypher("MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS");
    await driver.close();
    break;
  case "serve":
    serve();
    break;
  default:
    throw new Error(`unknown command ${what}`);
}
