from . import crm_lead, funnel, refusal, workbook
