// shop-queue.ts: puts finished orders into a queue that the shop reads at its own pace, instead of calling its API.
//
// For the adapter's outbox a shop is a URL that receives an outbox message by POST and returns 2xx once it has it
// (payment-adapter/src/letters/shop_letters.c). This is such a URL: a gateway inside our network that puts the
// message into SQS, and returns 200 once SQS has it. No program of ours changes. The messages of one customer stay in
// order (the group). SQS drops duplicates for five minutes; after that the shop must recognise the order's number,
// which its contract requires anyway.

import { CfnOutput, CfnParameter, Duration, RemovalPolicy, type Stack } from 'aws-cdk-lib';
import * as gateway from 'aws-cdk-lib/aws-apigateway';
import type * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Sale } from './sale.js';

const TEMPLATE = [
  'Action=SendMessage',
  'MessageBody=$util.urlEncode($input.body)',
  "MessageGroupId=$util.urlEncode($input.path('$.customer'))",
  "MessageDeduplicationId=$util.urlEncode($input.params('Idempotency-Key'))",
].join('&');

function queueOf(stack: Stack, key: IKey): sqs.Queue {
  const keep = { fifo: true, encryption: sqs.QueueEncryption.KMS, encryptionMasterKey: key, enforceSSL: true, retentionPeriod: Duration.days(14), removalPolicy: RemovalPolicy.RETAIN } as const;
  const refused = new sqs.Queue(stack, 'OrdersRefused', keep);
  const queue = new sqs.Queue(stack, 'Orders', {
    ...keep, visibilityTimeout: Duration.minutes(2), deadLetterQueue: { queue: refused, maxReceiveCount: 10 },
    fifoThroughputLimit: sqs.FifoThroughputLimit.PER_MESSAGE_GROUP_ID, deduplicationScope: sqs.DeduplicationScope.MESSAGE_GROUP,
  });
  const shop = new iam.AccountPrincipal(new CfnParameter(stack, 'ShopReads', { description: "The shop's account, which takes the orders out", allowedPattern: '[0-9]{12}' }).valueAsString);
  queue.grantConsumeMessages(shop);
  return queue;
}

// Returns the URL for [shop] url.
export function shopQueueOf(stack: Stack, sale: Sale, vpc: ec2.Vpc, key: IKey): string {
  const queue = queueOf(stack, key);
  const way = vpc.node.findChild('Gateway') as ec2.InterfaceVpcEndpoint;
  const role = new iam.Role(stack, 'OrdersIn', { assumedBy: new iam.ServicePrincipal('apigateway.amazonaws.com') });
  role.addToPolicy(new iam.PolicyStatement({ actions: ['sqs:SendMessage'], resources: [queue.queueArn] }));
  role.addToPolicy(new iam.PolicyStatement({ actions: ['kms:GenerateDataKey', 'kms:Decrypt'], resources: [key.keyArn] }));
  const calls = new logs.LogGroup(stack, 'Log-orders', { retention: logs.RetentionDays.ONE_MONTH, encryptionKey: key });
  const api = new gateway.RestApi(stack, 'ShopOrders', {
    restApiName: `${sale.name}-orders`, cloudWatchRole: false,
    endpointConfiguration: { types: [gateway.EndpointType.PRIVATE], vpcEndpoints: [way] },
    policy: new iam.PolicyDocument({ statements: [
      new iam.PolicyStatement({ principals: [new iam.AnyPrincipal()], actions: ['execute-api:Invoke'], resources: ['execute-api:/*'], conditions: { StringEquals: { 'aws:SourceVpce': way.vpcEndpointId } } }),
    ] }),
    deployOptions: { stageName: 'v1', accessLogDestination: new gateway.LogGroupLogDestination(calls), loggingLevel: gateway.MethodLoggingLevel.ERROR, dataTraceEnabled: false, throttlingRateLimit: 500, throttlingBurstLimit: 500 },
  });
  const said = (statusCode: string, selectionPattern?: string) => ({ statusCode, selectionPattern, responseTemplates: { 'application/json': '' } });
  api.root.addResource('orders').addMethod('POST', new gateway.AwsIntegration({
    service: 'sqs', path: `${stack.account}/${queue.queueName}`, integrationHttpMethod: 'POST',
    options: {
      credentialsRole: role, passthroughBehavior: gateway.PassthroughBehavior.NEVER,
      requestParameters: { 'integration.request.header.Content-Type': "'application/x-www-form-urlencoded'" },
      requestTemplates: { 'application/json': TEMPLATE },
      // The outbox retries whatever SQS refuses (503): only an error of ours can make a message invalid.
      integrationResponses: [said('200'), said('503', '[345]\\d{2}')],
    },
  }), {
    methodResponses: [{ statusCode: '200' }, { statusCode: '503' }], authorizationType: gateway.AuthorizationType.NONE,
    requestParameters: { 'method.request.header.Idempotency-Key': true },
    requestValidatorOptions: { validateRequestParameters: true },
  });
  new CfnOutput(stack, 'OrdersQueue', { value: queue.queueUrl, description: 'what the shop reads' });
  return api.urlForPath('/orders');
}
