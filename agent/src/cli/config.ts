/** `config`: the effective configuration, its JSON schema, its reference page. */
import type { CommandModule } from 'yargs';
import { jsonSchema, referencePage } from '../config/reference.js';
import { writtenConfig, writtenYaml } from '../config/written.js';
import { configOptions, loadFromCommandLine, type ConfigArguments } from './config-options.js';

interface PrintArguments extends ConfigArguments {
  json: boolean;
}

const printCommand: CommandModule<object, PrintArguments> = {
  command: 'print',
  describe: 'the effective configuration, and where each value came from',
  builder: (yargs) =>
    yargs
      .options(configOptions)
      .option('json', { type: 'boolean', default: false, describe: 'print a JSON object' }),
  handler: (args) => {
    const loaded = loadFromCommandLine(args);
    const asJson = { config: writtenConfig(loaded.config), origins: Object.fromEntries(loaded.origins) };
    process.stdout.write(args.json ? `${JSON.stringify(asJson)}\n` : writtenYaml(loaded));
  },
};

const schemaCommand: CommandModule = {
  command: 'schema',
  describe: 'the JSON schema of the configuration file',
  handler: () => void process.stdout.write(`${JSON.stringify(jsonSchema(), null, 2)}\n`),
};

const docsCommand: CommandModule = {
  command: 'docs',
  describe: 'the reference page, in Markdown',
  handler: () => void process.stdout.write(referencePage()),
};

export const configCommand: CommandModule = {
  command: 'config',
  describe: 'print the effective configuration, its JSON schema, or its reference',
  builder: (yargs) =>
    yargs
      .command(printCommand)
      .command(schemaCommand)
      .command(docsCommand)
      .demandCommand(1, 'config needs one of print, schema, docs'),
  handler: () => undefined,
};
