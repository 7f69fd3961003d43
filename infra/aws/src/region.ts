// region.ts: a region with everything that a sale needs. The second region is the same, but its stores replicate the
// first one's. Tasks are defined in both regions and run in the one that `awake` names.

import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import * as ecs from 'aws-cdk-lib/aws-ecs';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as sd from 'aws-cdk-lib/aws-servicediscovery';
import type { Construct } from 'constructs';
import { doorOf } from './door.js';
import { networkOf } from './network.js';
import { openingOf } from './opening.js';
import { rolesOf } from './roles.js';
import { frontNames, sizeFor, type Place, type Sale } from './sale.js';
import { secretsOf } from './secrets.js';
import { servicesOf } from './services.js';
import { storesOf } from './stores.js';
import { images, Tasks, type Workshop } from './task.js';
import { watch } from './watch.js';

function keyOf(stack: Stack, sale: Sale): kms.Key {
  const key = new kms.Key(stack, 'Key', { enableKeyRotation: true, description: `${sale.name}: all that is kept in this region` });
  key.addToResourcePolicy(new iam.PolicyStatement({
    principals: [new iam.ServicePrincipal(`logs.${stack.region}.amazonaws.com`)], resources: ['*'],
    actions: ['kms:Encrypt*', 'kms:Decrypt*', 'kms:ReEncrypt*', 'kms:GenerateDataKey*', 'kms:Describe*'],
    conditions: { ArnLike: { 'kms:EncryptionContext:aws:logs:arn': stack.formatArn({ service: 'logs', resource: '*' }) } },
  }));
  // Both send alarms to the topics.
  key.addToResourcePolicy(new iam.PolicyStatement({
    principals: [new iam.ServicePrincipal('cloudwatch.amazonaws.com'), new iam.ServicePrincipal('aps.amazonaws.com')], resources: ['*'], actions: ['kms:Decrypt', 'kms:GenerateDataKey*'],
    conditions: { StringEquals: { 'aws:SourceAccount': stack.account } },
  }));
  // Who writes figures or reads them does so with this key.
  key.addToResourcePolicy(new iam.PolicyStatement({
    principals: [new iam.AnyPrincipal()], resources: ['*'], actions: ['kms:DescribeKey', 'kms:CreateGrant', 'kms:GenerateDataKey', 'kms:Decrypt'],
    conditions: { StringEquals: { 'kms:ViaService': `aps.${stack.region}.amazonaws.com`, 'kms:CallerAccount': stack.account } },
  }));
  return key;
}

export class Region extends Stack {
  constructor(scope: Construct, id: string, sale: Sale, place: Place, props: StackProps & { second: boolean }) {
    super(scope, id, props);
    const size = sizeFor(sale);
    const awake = sale.awake === (props.second ? 'second' : 'first');
    const key = keyOf(this, sale);
    const network = networkOf(this, sale, place, key);
    const secrets = secretsOf(this, sale, key, props.second);
    const stores = storesOf(this, sale, size, network, secrets, key, props.second);
    const cluster = new ecs.Cluster(this, 'Cluster', { vpc: network.vpc, containerInsightsV2: ecs.ContainerInsights.ENABLED });
    const names = new sd.PrivateDnsNamespace(this, 'Names-inside', { vpc: network.vpc, name: `${sale.name}.internal` });
    const repositories = [this.formatArn({ service: 'ecr', resource: 'repository', resourceName: `${sale.name}/*` })];
    const at: Workshop = { stack: this, cluster, secrets, key, image: images(this), repositories };
    const plan = { stack: this, sale, size, network, stores, tasks: new Tasks(at), names, asleep: !awake };
    const services = servicesOf(plan);
    const balancer = doorOf(this, sale, network, services.edges.service, props.second);
    watch(at, network, names.namespaceName, services.all.map(({ service }) => service), frontNames(size), !awake);
    if (awake && sale.profile === 'evening') openingOf(this, sale, services.all, balancer);
    if (!props.second) {
      const roles = rolesOf(at, stores);
      new CfnOutput(this, 'MakeRoles', { value: roles.family, description: 'run this task once, in the subnets inner, in the group roles' });
    }
  }
}
