// app.ts: makes CloudFormation templates from sale.json, in infra/aws/made/templates. They contain no assets and no account,
// so they need no bootstrap and are the same on every machine.

import { App, BootstraplessSynthesizer, type StackProps } from 'aws-cdk-lib';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { excuse } from './nag.js';
import { Region } from './region.js';
import { HERE, readSale, type Sale } from './sale.js';
import { World } from './world.js';

export interface Made {
  app: App;
  world: World;
  first: Region;
  second?: Region;
}

export function make(sale: Sale, outdir?: string): Made {
  const app = new App({ outdir, analyticsReporting: false, treeMetadata: false });
  const props = (region: string): StackProps => ({ env: { region }, synthesizer: new BootstraplessSynthesizer(), analyticsReporting: false });
  const world = new World(app, `${sale.name}-world`, sale, props('us-east-1'));
  const first = new Region(app, `${sale.name}-first`, sale, sale.primary, { ...props(sale.primary.region), second: false });
  const second = sale.second === undefined ? undefined : new Region(app, `${sale.name}-second`, sale, sale.second, { ...props(sale.second.region), second: true });
  for (const stack of [world, first, second]) if (stack !== undefined) excuse(stack);
  return { app, world, first, second };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const out = join(HERE, 'made/templates');
  make(readSale(process.argv[2]), out).app.synth();
  console.log(`${out}/*.template.json`);
}
