// opening.ts: as many tasks as the sale needs, from `warmMinutes` before the opening until `openMinutes` after it,
// and a balancer that has been made as large. Not by load: all come within one second, and nothing starts in one.

import type { Stack } from 'aws-cdk-lib';
import * as scaling from 'aws-cdk-lib/aws-applicationautoscaling';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as scheduler from 'aws-cdk-lib/aws-scheduler';
import type { ApplicationLoadBalancer } from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import { CLOUD_MAP_MAX } from './edge.js';
import { QUIET, times, unitsFor, type Sale, type Size } from './sale.js';
import type { Running } from './services.js';

const at = (time: number): string => `at(${new Date(time).toISOString().slice(0, 19)})`;

const quietOf = (kind: 'edges' | 'fronts' | 'pays', size: Size): number => Math.min(QUIET[kind], size[kind].count);

export function openingOf(stack: Stack, sale: Sale, size: Size, running: Running[], balancer: ApplicationLoadBalancer): void {
  const { up, down } = times(sale);
  for (const { service, kind } of running) {
    if (kind === 'seats' || kind === 'collector') continue; // an owner and a standby, always
    const { count } = size[kind];
    if (kind !== 'edges' && count > CLOUD_MAP_MAX) throw new Error(`${kind}: Cloud Map names ${CLOUD_MAP_MAX} of ${count}`);
    const quiet = quietOf(kind, size);
    const target = service.autoScaleTaskCount({ minCapacity: quiet, maxCapacity: count });
    target.scaleOnSchedule('Up', { schedule: scaling.Schedule.expression(at(up)), minCapacity: count, maxCapacity: count });
    target.scaleOnSchedule('Down', { schedule: scaling.Schedule.expression(at(down)), minCapacity: quiet, maxCapacity: count });
  }
  reserve(stack, sale, size, balancer, up, down);
}

function reserve(stack: Stack, sale: Sale, size: Size, balancer: ApplicationLoadBalancer, up: number, down: number): void {
  const role = new iam.Role(stack, 'Reserves', { assumedBy: new iam.ServicePrincipal('scheduler.amazonaws.com') });
  role.addToPolicy(new iam.PolicyStatement({ actions: ['elasticloadbalancing:ModifyCapacityReservation'], resources: [balancer.loadBalancerArn] }));
  const call = (id: string, time: number, input: object) => new scheduler.CfnSchedule(stack, id, {
    scheduleExpression: at(time), flexibleTimeWindow: { mode: 'OFF' }, state: 'ENABLED', description: `${sale.name}: the balancer's size`,
    target: {
      arn: `arn:${stack.partition}:scheduler:::aws-sdk:elasticloadbalancingv2:modifyCapacityReservation`, roleArn: role.roleArn,
      input: stack.toJsonString({ LoadBalancerArn: balancer.loadBalancerArn, ...input }), retryPolicy: { maximumRetryAttempts: 5 },
    },
  });
  call('DoorUp', up, { MinimumLoadBalancerCapacity: { CapacityUnits: unitsFor(size) } });
  call('DoorDown', down, { ResetCapacityReservation: true });
}
