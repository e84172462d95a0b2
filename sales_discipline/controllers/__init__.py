from . import crm_lead, funnel, import_files, refusal, workbook
