// Prints one JSON object: for every alias that shapes.ts exports, the JSON schema of its type.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { SchemaGenerator, createFormatter, createParser, createProgram, DEFAULT_CONFIG } from "ts-json-schema-generator";

const path = fileURLToPath(new URL("shapes.ts", import.meta.url));
const config = { ...DEFAULT_CONFIG, path, additionalProperties: true, skipTypeCheck: true, jsDoc: "none" };
const program = createProgram(config); // parsed once: that is what takes the time
const aliases = [...readFileSync(path, "utf8").matchAll(/^export type (\w+)/gm)].map((found) => found[1]);
const schemas = aliases.map((alias) => {
    const generator = new SchemaGenerator(program, createParser(program, config), createFormatter(config), config);
    return [alias, generator.createSchema(alias)];
});
process.stdout.write(JSON.stringify(Object.fromEntries(schemas)));
