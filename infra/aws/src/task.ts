// task.ts: the shape of all Fargate tasks. A first container writes the secrets as files and ends. The program runs as an
// unprivileged user with a read-only root. A small sidecar checks its health.
//
// The programs read secrets only from files of mode 0600, but ECS passes secrets as variables. So only the first
// container gets these variables, and only it runs as root.

import { CfnParameter, Duration, type Stack } from 'aws-cdk-lib';
import * as ecs from 'aws-cdk-lib/aws-ecs';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as logs from 'aws-cdk-lib/aws-logs';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { FILES } from './edge.js';
import type { Machines } from './sale.js';
import type { SecretName, Secrets } from './secrets.js';

export const STOP_S = 60; // TimeoutStopSec of the units in infra/systemd
// A deployment that does not start is stopped, and the old tasks continue. There is no automatic rollback, because a version that
// is older than the schema would not start either.
export const HALTS = { enable: true, rollback: false } as const;
const NOBODY = '10001:10001';
const IMAGES = {
  QueueFront: 'queue-front', SeatService: 'seat-service', PaymentAdapter: 'payment-adapter',
  Edge: 'HAProxy 2.6 or later with libjemalloc2 and the pages of fairgate-edge; its stop signal is SIGUSR1',
  Ctl: 'fairgate',
  Collector: "AWS's distribution of the OpenTelemetry collector",
  Tools: 'sh, curl, psql and chown: for the containers next to the programs',
} as const;
export type Image = keyof typeof IMAGES;

export interface Workshop {
  stack: Stack;
  cluster: ecs.Cluster;
  secrets: Secrets;
  key: IKey;
  image: (name: Image) => ecs.ContainerImage;
  repositories: string[];
}

// Images are named by their digest, so that exactly the tested image runs.
export function images(stack: Stack): (name: Image) => ecs.ContainerImage {
  const made = Object.entries(IMAGES).map(([name, description]) => [name, new CfnParameter(stack, `Image${name}`, {
    description: `${description}: REGISTRY/NAME@sha256:DIGEST`, allowedPattern: '[a-z0-9./_-]+@sha256:[0-9a-f]{64}',
    constraintDescription: 'an image is named by its digest',
  })] as const);
  const all = new Map(made);
  return (name) => ecs.ContainerImage.fromRegistry(all.get(name)!.valueAsString);
}

// The role with which ECS fetches images. CDK adds read access to each secret that a container uses.
export function fetcher(stack: Stack, repositories: string[], name: string): iam.Role {
  const role = new iam.Role(stack, `Fetch-${name}`, { assumedBy: new iam.ServicePrincipal('ecs-tasks.amazonaws.com') });
  role.addToPolicy(new iam.PolicyStatement({ actions: ['ecr:GetAuthorizationToken'], resources: ['*'] }));
  role.addToPolicy(new iam.PolicyStatement({
    actions: ['ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer', 'ecr:BatchCheckLayerAvailability'], resources: repositories,
  }));
  return role;
}

export interface File {
  name: string;
  secret?: SecretName;
  before?: string; // text in front of the secret, as in a passfile
  text?: string;
}

export interface Task {
  name: string;
  image: Image;
  machines: Machines;
  settings?: Record<string, string | number | boolean>;
  entryPoint?: string[];
  command?: string[];
  environment?: Record<string, string>; // in addition to its settings
  files: File[];
  alive?: string; // the address of the program's health pages
}

const variable = (name: string): string => `FILE_${name.replaceAll(/[^A-Za-z0-9]/g, '_').toUpperCase()}`;

// The first container's script. It writes each file from its variable, readable only by its owner from the first byte on.
function layDown(files: File[]): string {
  const put = files.map(({ name, before = '' }) => `printf '%s%s\\n' '${before}' "\${${variable(name)}-}" >${name}`);
  return ['set -eu', 'umask 077', `cd ${FILES}`, ...put, `chown -R ${NOBODY} .`].join('\n');
}

const MOUNT: ecs.MountPoint = { sourceVolume: 'files', containerPath: FILES, readOnly: false };
// LimitNOFILE of the units; HAProxy does not start without two files per connection.
const FILES_OPEN: ecs.Ulimit[] = [{ name: ecs.UlimitName.NOFILE, softLimit: 1048576, hardLimit: 1048576 }];
const HARDENED = { readonlyRootFilesystem: true, privileged: false } as const;

export class Tasks {
  constructor(readonly at: Workshop) {}

  #logs(name: string): ecs.LogDriver {
    const logGroup = new logs.LogGroup(this.at.stack, `Log-${name}`, { retention: logs.RetentionDays.ONE_MONTH, encryptionKey: this.at.key });
    return ecs.LogDrivers.awsLogs({ logGroup, streamPrefix: name, mode: ecs.AwsLogDriverMode.NON_BLOCKING });
  }

  #first(task: Task, definition: ecs.FargateTaskDefinition, logging: ecs.LogDriver): ecs.ContainerDefinition {
    const given = task.files.filter(({ secret }) => secret !== undefined);
    const texts = task.files.filter(({ text }) => text !== undefined);
    const first = definition.addContainer('files', {
      ...HARDENED, image: this.at.image('Tools'), essential: false, user: '0', memoryLimitMiB: 64, logging,
      command: ['sh', '-c', layDown(task.files)],
      environment: Object.fromEntries(texts.map(({ name, text }) => [variable(name), text!])),
      secrets: Object.fromEntries(given.map(({ name, secret }) => [variable(name), ecs.Secret.fromSecretsManager(this.at.secrets[secret!])])),
    });
    first.addMountPoints(MOUNT);
    return first;
  }

  // A new task is healthy once it can work, or follows the owner of the seats, so a rollout with a wrong password stops at the
  // first one. From then on it is healthy while it answers: another task would miss a lost store, too.
  #neighbour(definition: ecs.FargateTaskDefinition, main: ecs.ContainerDefinition, alive: string, logging: ecs.LogDriver): void {
    const neighbour = definition.addContainer('alive', {
      ...HARDENED, image: this.at.image('Tools'), user: NOBODY, memoryLimitMiB: 64, logging,
      command: ['sh', '-c', "trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done"],
      healthCheck: {
        command: ['CMD-SHELL', `cd ${FILES} && [ -e begun ] && page=healthz || page=followz; curl -fsS -m 2 -o /dev/null ${alive}/$page && : >begun`],
        interval: Duration.seconds(10), timeout: Duration.seconds(5), retries: 3, startPeriod: Duration.seconds(300),
      },
    });
    neighbour.addMountPoints(MOUNT);
    neighbour.addContainerDependencies({ container: main, condition: ecs.ContainerDependencyCondition.START });
  }

  // Settings are passed in the environment as FAIRGATE_SECTION_KEY; each must be in the program's own table.
  define(task: Task, more: (definition: ecs.FargateTaskDefinition, first: ecs.ContainerDefinition, logging: ecs.LogDriver) => void = () => {}): ecs.FargateTaskDefinition {
    const { stack, image } = this.at;
    const definition = new ecs.FargateTaskDefinition(stack, `Task-${task.name}`, {
      family: `${stack.stackName}-${task.name}`, cpu: task.machines.cpu, memoryLimitMiB: task.machines.memoryMb,
      executionRole: fetcher(stack, this.at.repositories, task.name), volumes: [{ name: 'files' }],
      runtimePlatform: { cpuArchitecture: ecs.CpuArchitecture.X86_64, operatingSystemFamily: ecs.OperatingSystemFamily.LINUX },
    });
    const logging = this.#logs(task.name);
    const first = this.#first(task, definition, logging);
    const settings = Object.entries(task.settings ?? {}).map(([key, value]) => [`FAIRGATE_${key.replace('.', '_').toUpperCase()}`, `${value}`]);
    const environment = { ...Object.fromEntries(settings), ...task.environment };
    const main = definition.addContainer(task.name, {
      ...HARDENED, image: image(task.image), user: NOBODY, logging, environment, entryPoint: task.entryPoint, command: task.command,
      stopTimeout: Duration.seconds(STOP_S),
      ulimits: FILES_OPEN,
    });
    main.addMountPoints(MOUNT);
    main.addContainerDependencies({ container: first, condition: ecs.ContainerDependencyCondition.SUCCESS });
    if (task.alive !== undefined) this.#neighbour(definition, main, task.alive, logging);
    more(definition, first, logging);
    return definition;
  }
}

// Adds a sidecar that reads the same files.
export function beside(definition: ecs.FargateTaskDefinition, first: ecs.ContainerDefinition, name: string, options: Omit<ecs.ContainerDefinitionOptions, 'user'>): void {
  const container = definition.addContainer(name, { ...HARDENED, user: NOBODY, ulimits: FILES_OPEN, ...options });
  container.addMountPoints(MOUNT);
  container.addContainerDependencies({ container: first, condition: ecs.ContainerDependencyCondition.SUCCESS });
}
