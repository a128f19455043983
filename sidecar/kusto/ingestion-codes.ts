/**
 * What Kusto's error codes mean to the operator of a sidecar, and what to do. Only these fixed words and the code itself go into
 * messages; the details that Kusto gives with a code may quote records.
 * Source: learn.microsoft.com, "Ingestion error codes in Azure Data Explorer".
 */
const explanations: Readonly<Record<string, string>> = {
  BadRequest_TableNotExist: 'The table does not exist. Create it, then replay the dead letters.',
  BadRequest_DatabaseNotExist: 'The database does not exist. Create it, then replay the dead letters.',
  BadRequest_EntityNotFound:
    'The database, table or mapping does not exist. Create it, then replay the dead letters.',
  BadRequest_MappingReferenceWasNotFound:
    'The mapping that write.ingestion_mapping_ref names does not exist for this table. Create it, then replay the dead letters.',
  BadRequest_InvalidMappingReference:
    'The mapping that write.ingestion_mapping_ref names cannot be used. Mend it, then replay the dead letters.',
  BadRequest_InvalidMapping:
    'The mapping of the table cannot be read. Mend it, then replay the dead letters.',
  BadRequest_InconsistentMapping:
    'The mapping does not fit the columns of the table. Mend it, then replay the dead letters.',
  BadRequest_TableAccessDenied:
    'The identity may not ingest into this table. Give it the role Table Ingestor or Database Ingestor, then replay the dead letters.',
  BadRequest_DatabaseAccessDenied:
    'The identity may not ingest into this database. Give it the role Database Ingestor, then replay the dead letters.',
  BadRequest_InvalidKustoIdentityToken:
    'The identity token in the message was no longer valid. A new message gets a new one.',
  BadRequest_NoRecordsOrWrongFormat: 'Kusto found no record in the blob.',
  BadRequest_EmptyBlob: 'Kusto found the blob empty.',
  BadRequest_InvalidBlob: 'Kusto could not read the blob.',
  BadRequest_FileTooLarge: 'The batch is too large for Kusto. Lower write.client_batch_size_limit_mb.',
  BadRequest_InvalidTag: 'Kusto refused a tag. Look at write.additional_tags and write.drop_by_tags.',
  Stream_NoDataToIngest: 'Kusto found nothing to ingest in the blob.',
  Stream_InputStreamTooLarge: 'A record or value is larger than Kusto takes.',
  Download_SourceNotFound: 'The blob was gone before Kusto read it.',
  Download_Forbidden: 'Kusto was not let to the blob, most likely because its SAS had ended.',
  General_RetryAttemptsExceeded: 'Kusto tried for long and gave up.',
  General_ThrottledIngestion: 'The cluster is overloaded. Make larger batches, or scale it out.',
  General_TransientSchemaMismatch: 'The table was altered while the batch was ingested.',
  UpdatePolicy_QuerySchemaDoesNotMatchTableSchema:
    'The update policy of the table gives other columns than its target table has. Mend it, then replay the dead letters.',
}

/** The code as far as it is one, and one sentence or two about it. */
export function explain(errorCode: string): string {
  const code = /^[\w.:-]{1,100}$/.test(errorCode) ? errorCode : 'no error code that can be read'
  const explanation = Object.hasOwn(explanations, code) ? explanations[code] : undefined
  return explanation === undefined ? `${code}.` : `${code}. ${explanation}`
}
