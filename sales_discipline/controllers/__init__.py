from . import crm_lead, funnel, import_files, percent, refusal, workbook
