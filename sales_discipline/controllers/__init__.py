from . import crm_lead, forecast, funnel, import_files, percent, refusal, workbook
