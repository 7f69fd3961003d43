// opening.ts: schedules the tasks and the balancer's capacity that the sale needs, from `warmMinutes` before the opening
// until `openMinutes` after it. Scaling by load would be too slow: all visitors come within a second.

import type { Stack } from 'aws-cdk-lib';
import * as scaling from 'aws-cdk-lib/aws-applicationautoscaling';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as scheduler from 'aws-cdk-lib/aws-scheduler';
import type { ApplicationLoadBalancer } from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import { times, unitsFor, type Sale } from './sale.js';
import type { Running } from './services.js';

const at = (time: number): string => `at(${new Date(time).toISOString().slice(0, 19)})`;

export function openingOf(stack: Stack, sale: Sale, running: Running[], balancer: ApplicationLoadBalancer): void {
  const { up, down } = times(sale);
  for (const { service, count, quiet } of running) {
    if (count === quiet) continue; // such as the owner of the seats and its standby
    const target = service.autoScaleTaskCount({ minCapacity: quiet, maxCapacity: count });
    target.scaleOnSchedule('Up', { schedule: scaling.Schedule.expression(at(up)), minCapacity: count, maxCapacity: count });
    target.scaleOnSchedule('Down', { schedule: scaling.Schedule.expression(at(down)), minCapacity: quiet, maxCapacity: quiet }); // a maximum of `count` would take no task away
  }
  reserve(stack, sale, balancer, up, down);
}

function reserve(stack: Stack, sale: Sale, balancer: ApplicationLoadBalancer, up: number, down: number): void {
  const role = new iam.Role(stack, 'Reserves', { assumedBy: new iam.ServicePrincipal('scheduler.amazonaws.com') });
  role.addToPolicy(new iam.PolicyStatement({ actions: ['elasticloadbalancing:ModifyCapacityReservation'], resources: [balancer.loadBalancerArn] }));
  const call = (id: string, time: number, input: object) => new scheduler.CfnSchedule(stack, id, {
    scheduleExpression: at(time), flexibleTimeWindow: { mode: 'OFF' }, state: 'ENABLED', description: `${sale.name}: the balancer's size`,
    target: {
      arn: `arn:${stack.partition}:scheduler:::aws-sdk:elasticloadbalancingv2:modifyCapacityReservation`, roleArn: role.roleArn,
      input: stack.toJsonString({ LoadBalancerArn: balancer.loadBalancerArn, ...input }), retryPolicy: { maximumRetryAttempts: 5 },
    },
  });
  call('DoorUp', up, { MinimumLoadBalancerCapacity: { CapacityUnits: unitsFor(sale.visitors) } });
  call('DoorDown', down, { ResetCapacityReservation: true });
}
