// made.ts: the templates that the tests read, from making.ts: as in sale.json, with shared seats, with operator
// accounts between sales, and with the first region given up.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { HERE, readSale, type Sale } from '../src/sale.js';

export interface Resource {
  Type: string;
  Properties: any;
  Metadata?: Record<string, unknown>;
  DeletionPolicy?: string;
  DependsOn?: string[];
}

export interface Template {
  Parameters: Record<string, { AllowedPattern?: string; Type: string; Default?: string }>;
  Resources: Record<string, Resource>;
}

export const SALE = readSale();
export const SHARED: Sale = { ...SALE, seatOwners: 2 };

export const PERSONS: Sale = { ...SALE, profile: 'idle', operators: { issuer: 'https://id.house.example/realms/staff', audience: 'https://fairgate.house.example', keys: 'test/jwks.json', rolePrefix: 'fairgate-' } };

export const GIVEN_UP: Sale = { ...SALE, awake: 'second' };

export interface All {
  world: Template;
  first: Template;
  second: Template;
}

function parsed(dir: string): All {
  const one = (name: string) => JSON.parse(readFileSync(join(HERE, 'made', dir, `${SALE.name}-${name}.template.json`), 'utf8')) as Template;
  return { world: one('world'), first: one('first'), second: one('second') };
}

let usual: All | undefined;
let shared: All | undefined;
let givenUp: All | undefined;
let persons: All | undefined;
export const templates = (): All => (usual ??= parsed('usual'));
export const sharedTemplates = (): All => (shared ??= parsed('shared'));
export const personsTemplates = (): All => (persons ??= parsed('persons'));
export const givenUpTemplates = (): All => (givenUp ??= parsed('given-up'));

export const ofType = (template: Template, type: string): [string, Resource][] => Object.entries(template.Resources).filter(([, { Type }]) => Type === type);

// The properties of the only resource of this type.
export function only(template: Template, type: string): Resource['Properties'] {
  const found = ofType(template, type);
  if (found.length !== 1) throw new Error(`${found.length} of ${type}`);
  return found[0]![1].Properties;
}

// The name of the resource that a value refers to.
export function refers(value: unknown): string | undefined {
  const told = value as { Ref?: string; 'Fn::GetAtt'?: [string, string] } | undefined;
  return told?.Ref ?? told?.['Fn::GetAtt']?.[0];
}
